/*
 * See http_text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/http_text.h"

#include <string.h>

enum { TOKEN = 1, HOST = 2 };

#define EVERY_DIGIT_AND_LETTER(x) ['0' ... '9'] = (x), ['a' ... 'z'] = (x), ['A' ... 'Z'] = (x)

static const uint8_t classes[256] = {
    EVERY_DIGIT_AND_LETTER(TOKEN | HOST),
    ['!'] = TOKEN | HOST,
    ['#'] = TOKEN,
    ['$'] = TOKEN | HOST,
    ['%'] = TOKEN | HOST,
    ['&'] = TOKEN | HOST,
    ['\''] = TOKEN | HOST,
    ['*'] = TOKEN | HOST,
    ['+'] = TOKEN | HOST,
    ['-'] = TOKEN | HOST,
    ['.'] = TOKEN | HOST,
    ['^'] = TOKEN,
    ['_'] = TOKEN | HOST,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['~'] = TOKEN | HOST,
    [':'] = HOST,
    ['['] = HOST,
    [']'] = HOST,
    ['('] = HOST,
    [')'] = HOST,
    [','] = HOST,
    [';'] = HOST,
    ['='] = HOST,
};

static bool all_are(const char *text, size_t size, int class) {
    for (size_t i = 0; i < size; i++) {
        if (!(classes[(uint8_t)text[i]] & class))
            return false;
    }
    return true;
}

static bool is_control(char c) {
    return ((uint8_t)c < 32 && c != '\t') || c == 127;
}

bool mp_http_is_token(const char *text, size_t size) {
    return size > 0 && all_are(text, size, TOKEN);
}

uint32_t mp_http_token_span(const char *text, size_t size) {
    uint32_t n = 0;
    while (n < size && (classes[(uint8_t)text[n]] & TOKEN))
        n++;
    return n;
}

bool mp_http_is_host(const char *text, size_t size) {
    return all_are(text, size, HOST);
}

#define IN_ALL(byte) (0x0101010101010101U * (byte))

/* Eight bytes at a time: not zero if one of them is below 32, or 127. */
static uint64_t suspicious(uint64_t word) {
    uint64_t deleted = word ^ IN_ALL(127U);
    return (((word - IN_ALL(32U)) & ~word) | ((deleted - IN_ALL(1U)) & ~deleted)) & IN_ALL(128U);
}

size_t mp_http_plain_end(const char *text, size_t at, size_t size) {
    for (;;) {
        uint64_t word;
        while (at + sizeof word <= size) {
            memcpy(&word, text + at, sizeof word);
            if (suspicious(word))
                break;
            at += sizeof word;
        }
        size_t stop = at + sizeof word < size ? at + sizeof word : size;
        while (at < stop && !is_control(text[at]))
            at++;
        if (at < stop || at == size)
            return at;
    }
}

bool mp_http_is_value(const char *text, size_t size) {
    return mp_http_plain_end(text, 0, size) == size;
}

const char *mp_http_reason(int status) {
    static const char *const reasons[][32] = {
        {"Continue", "Switching Protocols", [3] = "Early Hints"},
        {"OK", "Created", "Accepted", "Non-Authoritative Information", "No Content", "Reset Content",
         "Partial Content"},
        {"Multiple Choices", "Moved Permanently", "Found", "See Other",
         "Not Modified", [7] = "Temporary Redirect", "Permanent Redirect"},
        {"Bad Request",
         "Unauthorized",
         "Payment Required",
         "Forbidden",
         "Not Found",
         "Method Not Allowed",
         "Not Acceptable",
         "Proxy Authentication Required",
         "Request Timeout",
         "Conflict",
         "Gone",
         "Length Required",
         "Precondition Failed",
         "Content Too Large",
         "URI Too Long",
         "Unsupported Media Type",
         "Range Not Satisfiable",
         "Expectation Failed",
         [21] = "Misdirected Request",
         "Unprocessable Content",
         "Locked",
         "Failed Dependency",
         "Too Early",
         "Upgrade Required",
         [28] = "Precondition Required",
         "Too Many Requests",
         [31] = "Request Header Fields Too Large"},
        {"Internal Server Error", "Not Implemented", "Bad Gateway", "Service Unavailable", "Gateway Timeout",
         "HTTP Version Not Supported", [7] = "Insufficient Storage",
         [11] = "Network Authentication Required"},
    };
    int class = status / 100 - 1, number = status % 100;
    return class >= 0 && class < 5 && number < 32 ? reasons[class][number] : NULL;
}
