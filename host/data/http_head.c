/*
 * See http_head.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/http_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "data/http_text.h"

enum state { START_LINE, FIELDS, DONE };

#define BIT(field) (1U << (field))

static const struct {
    const char *name;
    uint8_t length;
} field_names[MP_HTTP_OTHER] = {
    [MP_HTTP_HOST] = {"host", 4},
    [MP_HTTP_CONTENT_LENGTH] = {"content-length", 14},
    [MP_HTTP_TRANSFER_ENCODING] = {"transfer-encoding", 17},
    [MP_HTTP_EXPECT] = {"expect", 6},
    [MP_HTTP_CONNECTION] = {"connection", 10},
    [MP_HTTP_CONTENT_TYPE] = {"content-type", 12},
    [MP_HTTP_RANGE] = {"range", 5},
    [MP_HTTP_IF_RANGE] = {"if-range", 8},
    [MP_HTTP_IF_MODIFIED_SINCE] = {"if-modified-since", 17},
    [MP_HTTP_IF_UNMODIFIED_SINCE] = {"if-unmodified-since", 19},
    [MP_HTTP_AUTHORIZATION] = {"authorization", 13},
    [MP_HTTP_LOCATION] = {"location", 8},
};

/* Others that occur twice are joined with commas. */
static const uint32_t single_in_request = BIT(MP_HTTP_HOST) | BIT(MP_HTTP_CONTENT_LENGTH) |
                                          BIT(MP_HTTP_TRANSFER_ENCODING) | BIT(MP_HTTP_CONTENT_TYPE) |
                                          BIT(MP_HTTP_RANGE) | BIT(MP_HTTP_IF_RANGE) |
                                          BIT(MP_HTTP_IF_MODIFIED_SINCE) | BIT(MP_HTTP_IF_UNMODIFIED_SINCE) |
                                          BIT(MP_HTTP_AUTHORIZATION);
static const uint32_t single_in_response = BIT(MP_HTTP_CONTENT_LENGTH) | BIT(MP_HTTP_TRANSFER_ENCODING) |
                                           BIT(MP_HTTP_LOCATION);

static const char *const more_than_one[MP_HTTP_OTHER] = {
    [MP_HTTP_HOST] = "more than one host",
    [MP_HTTP_CONTENT_LENGTH] = "more than one content-length",
    [MP_HTTP_TRANSFER_ENCODING] = "more than one transfer-encoding",
    [MP_HTTP_CONTENT_TYPE] = "more than one content-type",
    [MP_HTTP_RANGE] = "more than one range",
    [MP_HTTP_IF_RANGE] = "more than one if-range",
    [MP_HTTP_IF_MODIFIED_SINCE] = "more than one if-modified-since",
    [MP_HTTP_IF_UNMODIFIED_SINCE] = "more than one if-unmodified-since",
    [MP_HTTP_AUTHORIZATION] = "more than one authorization",
    [MP_HTTP_LOCATION] = "more than one location",
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};

/* --- bytes ---------------------------------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool equals(const char *text, mp_http_slice slice, const char *word) {
    return slice.length == strlen(word) && strncasecmp(text + slice.at, word, slice.length) == 0;
}

static mp_http_slice trimmed(const char *text, uint32_t from, uint32_t to) {
    while (from < to && is_blank(text[from]))
        from++;
    while (to > from && is_blank(text[to - 1]))
        to--;
    return (mp_http_slice){from, to - from};
}

/* --- parts of a head ------------------------------------------------------------------------------------ */

static enum mp_http_outcome refuse(mp_http_head *head, int status, const char *why) {
    head->refusal = status;
    head->why = why;
    return MP_HTTP_REFUSED;
}

/* "HTTP/1.", the minor version's digit, eight bytes in all; 0: it isn't that, 2: another major version */
static int version_at(mp_http_head *head, const char *text) {
    if (memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7]))
        return 0;
    head->minor = (uint8_t)(text[7] - '0');
    return text[5] == '1' ? 1 : 2;
}

static enum mp_http_outcome request_line(mp_http_head *head, const char *text, uint32_t stop) {
    uint32_t at = head->line;
    at += mp_http_token_span(text + at, stop - at);
    head->method = (mp_http_slice){head->line, at - head->line};
    if (head->method.length == 0 || at == stop || text[at] != ' ')
        return refuse(head, 400, "bad request line");
    head->target.at = ++at;
    while (at < stop && text[at] > ' ' && text[at] < 127)
        at++;
    head->target.length = at - head->target.at;
    int version = 0;
    if (head->target.length > 0 && stop - at == 9 && text[at] == ' ')
        version = version_at(head, text + at + 1);
    if (version == 0)
        return refuse(head, 400, "bad request line");
    return version == 1 ? MP_HTTP_DONE : refuse(head, 505, "only HTTP/1.1 is spoken here");
}

static enum mp_http_outcome status_line(mp_http_head *head, const char *text, uint32_t stop) {
    const char *line = text + head->line;
    uint32_t size = stop - head->line;
    if (size < 12 || version_at(head, line) == 0 || line[8] != ' ' || !is_digit(line[9]) ||
        !is_digit(line[10]) || !is_digit(line[11]) || line[9] == '0' || (size > 12 && line[12] != ' '))
        return refuse(head, 400, "bad status line");
    if (line[5] != '1')
        return refuse(head, 505, "only HTTP/1.1 is spoken here");
    head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    if (size > 12)
        head->method = (mp_http_slice){head->line + 13, size - 13};
    return MP_HTTP_DONE;
}

static enum mp_http_field field_of(const char *name, uint32_t length) {
    for (int i = 0; i < MP_HTTP_OTHER; i++) {
        if (field_names[i].length == length && (name[0] | 32) == field_names[i].name[0] &&
            strncasecmp(name, field_names[i].name, length) == 0)
            return (enum mp_http_field)i;
    }
    return MP_HTTP_OTHER;
}

/* Whether what begins at *at of a list is the word, and puts *at behind its comma. Blanks don't count. */
static bool names(const char *text, uint32_t *at, uint32_t stop, const char *word) {
    bool same = true;
    for (; *at < stop && text[*at] != ','; ++*at) {
        if (is_blank(text[*at]))
            continue;
        char c = text[*at];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 32);
        same = same && *word != '\0' && c == *word;
        word += same;
    }
    return same && *word == '\0';
}

static void understand_connection(mp_http_head *head, const char *text, mp_http_slice value) {
    uint32_t stop = value.at + value.length;
    for (uint32_t at = value.at, again = at; at < stop; again = ++at) {
        head->close = names(text, &again, stop, "close") || head->close;
        head->keep = names(text, &at, stop, "keep-alive") || head->keep;
    }
}

static enum mp_http_outcome field_line(mp_http_head *head, const mp_http_limits *limits, const char *text,
                                       uint32_t stop) {
    uint32_t colon = head->line + mp_http_token_span(text + head->line, stop - head->line);
    if (colon == head->line || colon == stop || text[colon] != ':')
        return refuse(head, 400, "bad header field");
    if (++head->count > limits->fields)
        return refuse(head, 431, "too many header fields");
    enum mp_http_field field = field_of(text + head->line, colon - head->line);
    if (field == MP_HTTP_OTHER)
        return MP_HTTP_DONE;
    mp_http_slice value = trimmed(text, colon + 1, stop);
    uint32_t single = head->is_response ? single_in_response : single_in_request;
    if (head->seen & BIT(field)) {
        if (single & BIT(field))
            return refuse(head, 400, more_than_one[field]);
        value.length = 0; /* of Expect, a list, which nobody knows */
    }
    head->seen |= BIT(field);
    if (field < MP_HTTP_KNOWN)
        head->known[field] = value;
    if (field == MP_HTTP_CONNECTION)
        understand_connection(head, text, trimmed(text, colon + 1, stop));
    return MP_HTTP_DONE;
}

/* --- what a whole head means ---------------------------------------------------------------------------- */

static bool is_known_method(const char *text, mp_http_slice method) {
    for (int i = 0; methods[i]; i++) {
        if (method.length == strlen(methods[i]) && memcmp(text + method.at, methods[i], method.length) == 0)
            return true;
    }
    return false;
}

/* The target's part behind http://host; false: there is none */
static bool skip_authority(const char *text, mp_http_slice *target) {
    uint32_t at = target->at, stop = target->at + target->length;
    if (target->length >= 8 && strncasecmp(text + at, "https://", 8) == 0)
        at += 8;
    else if (target->length >= 7 && strncasecmp(text + at, "http://", 7) == 0)
        at += 7;
    else
        return false;
    uint32_t host = at;
    while (at < stop && text[at] != '/' && text[at] != '?' && text[at] != '#')
        at++;
    *target = (mp_http_slice){at, stop - at};
    return at > host;
}

static enum mp_http_outcome understand_target(mp_http_head *head, const char *text) {
    mp_http_slice target = head->target;
    if (text[target.at] != '/') {
        bool asterisk = target.length == 1 && text[target.at] == '*' && head->method.length == 7 &&
                        memcmp(text + head->method.at, "OPTIONS", 7) == 0;
        if (!asterisk && !skip_authority(text, &target))
            return refuse(head, 400, "bad target");
        head->rooted = target.length == 0 || text[target.at] == '?';
    }
    const char *mark = memchr(text + target.at, '?', target.length);
    uint32_t stop = target.at + target.length;
    uint32_t end = mark ? (uint32_t)(mark - text) : stop;
    head->path = (mp_http_slice){target.at, end - target.at};
    head->query = mark ? (mp_http_slice){end + 1, stop - end - 1} : (mp_http_slice){stop, 0};
    return MP_HTTP_DONE;
}

static enum mp_http_outcome understand_framing(mp_http_head *head, const mp_http_limits *limits,
                                               const char *text) {
    if (head->seen & BIT(MP_HTTP_TRANSFER_ENCODING)) {
        if (head->seen & BIT(MP_HTTP_CONTENT_LENGTH))
            return refuse(head, 400, "both Content-Length and Transfer-Encoding");
        if (head->minor == 0)
            return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
        if (!equals(text, head->known[MP_HTTP_TRANSFER_ENCODING], "chunked"))
            return refuse(head, 501, "the only transfer coding is chunked");
        head->chunked = true;
    } else if (head->seen & BIT(MP_HTTP_CONTENT_LENGTH)) {
        mp_http_slice digits = head->known[MP_HTTP_CONTENT_LENGTH];
        for (uint32_t i = 0; i < digits.length; i++) {
            if (!is_digit(text[digits.at + i]))
                return refuse(head, 400, "bad Content-Length");
            if (i < 15)
                head->length = head->length * 10 + (uint64_t)(text[digits.at + i] - '0');
        }
        if (digits.length == 0)
            return refuse(head, 400, "bad Content-Length");
        if (digits.length > 15 || (!head->is_response && head->length > limits->body))
            return refuse(head, 413, "the body is too long");
        head->has_length = true;
    }
    return MP_HTTP_DONE;
}

static enum mp_http_outcome understand(mp_http_head *head, const mp_http_limits *limits, const char *text) {
    if (head->is_response)
        return understand_framing(head, limits, text);
    mp_http_slice host = head->known[MP_HTTP_HOST];
    if (head->minor > 0 && !(head->seen & BIT(MP_HTTP_HOST)))
        return refuse(head, 400, "no Host");
    if (!mp_http_is_host(text + host.at, host.length))
        return refuse(head, 400, "bad Host");
    if (!is_known_method(text, head->method))
        return refuse(head, 501, "unknown method");
    enum mp_http_outcome outcome = understand_target(head, text);
    if (outcome != MP_HTTP_DONE)
        return outcome;
    if (head->minor > 0 && (head->seen & BIT(MP_HTTP_EXPECT))) {
        if (!equals(text, head->known[MP_HTTP_EXPECT], "100-continue"))
            return refuse(head, 417, "unknown expectation");
        head->expects = true;
    }
    return understand_framing(head, limits, text);
}

/* --- lines ---------------------------------------------------------------------------------------------- */

void mp_http_head_init(mp_http_head *head, bool is_response) {
    memset(head, 0, sizeof *head);
    head->is_response = is_response;
}

enum mp_http_outcome mp_http_head_feed(mp_http_head *head, const mp_http_limits *limits, const char *text,
                                       size_t size) {
    assert(head->state != DONE && size >= head->scanned && size <= UINT32_MAX);
    if (head->scanned == 0 && !head->is_response && size >= 2 && text[0] == '\r' && text[1] == '\n')
        head->first = head->line = head->scanned = 2; /* an empty line before (RFC 9112, 2.2) */
    for (;;) {
        uint32_t stop = (uint32_t)mp_http_plain_end(text, head->scanned, size);
        bool starts = head->state == START_LINE;
        if (starts && stop - head->line > limits->line)
            return refuse(head, 414, "the request line is too long");
        if (!starts && stop - head->first > limits->head)
            return refuse(head, 431, "the head is too long");
        head->scanned = stop;
        if (stop == size || (text[stop] == '\r' && stop + 1 == size))
            return MP_HTTP_MORE;
        bool sound = text[stop] == '\r' && text[stop + 1] == '\n';
        enum mp_http_outcome outcome;
        if (!sound)
            outcome = refuse(head, 400,
                             !starts             ? "bad header field"
                             : head->is_response ? "bad status line"
                                                 : "bad request line");
        else if (starts)
            outcome = head->is_response ? status_line(head, text, stop) : request_line(head, text, stop);
        else if (stop == head->line)
            break;
        else
            outcome = field_line(head, limits, text, stop);
        if (outcome != MP_HTTP_DONE)
            return outcome;
        head->line = head->scanned = stop + 2;
        if (starts)
            head->fields = head->line;
        head->state = FIELDS;
    }
    head->end = head->line + 2;
    head->state = DONE;
    return understand(head, limits, text);
}

bool mp_http_head_next(const char *text, uint32_t end, uint32_t *at, mp_http_slice *name,
                       mp_http_slice *value) {
    if (*at + 2 >= end)
        return false;
    const char *colon = memchr(text + *at, ':', end - *at);
    assert(colon);
    *name = (mp_http_slice){*at, (uint32_t)(colon - text) - *at};
    const char *stop = memchr(colon, '\r', (size_t)(text + end - colon));
    assert(stop);
    *value = trimmed(text, (uint32_t)(colon - text) + 1, (uint32_t)(stop - text));
    *at = (uint32_t)(stop - text) + 2;
    return true;
}
