/*
 * See resp.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/resp.h"

#include <assert.h>
#include <string.h>

enum { MOST_DIGITS = 19 }; /* of 64 bits */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* The number of the line at *at, whose first byte is its type. It is as 64 bits can have it, without a
   plus. */
static enum mp_resp_outcome take_number(const char *text, size_t size, size_t *at, int64_t *number) {
    size_t i = *at + 1;
    bool negative = i < size && text[i] == '-';
    uint64_t value = 0;
    i += negative;
    size_t first = i;
    for (; i < size && is_digit(text[i]); i++) {
        if (i - first == MOST_DIGITS)
            return MP_RESP_REFUSED;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > (uint64_t)INT64_MAX + negative || (i < size && (text[i] != '\r' || i == first)))
        return MP_RESP_REFUSED;
    if (i + 1 >= size)
        return MP_RESP_MORE;
    if (text[i + 1] != '\n')
        return MP_RESP_REFUSED;
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    *at = i + 2;
    return MP_RESP_DONE;
}

/* The string behind its length. */
static enum mp_resp_outcome take_string(const char *text, size_t size, size_t *at, mp_resp_item *item) {
    size_t from = *at;
    if (item->number < -1)
        return MP_RESP_REFUSED;
    item->text = NULL;
    item->length = 0;
    if (item->number == -1)
        return MP_RESP_DONE;
    if ((uint64_t)item->number > size - from || size - from - (size_t)item->number < 2)
        return MP_RESP_MORE;
    item->length = (size_t)item->number;
    item->text = text + from;
    if (item->text[item->length] != '\r' || item->text[item->length + 1] != '\n')
        return MP_RESP_REFUSED;
    *at = from + item->length + 2;
    return MP_RESP_DONE;
}

/* The line at *at, behind its type; it doesn't end in front of *searched. */
static enum mp_resp_outcome take_line(const char *text, size_t size, size_t *at, size_t *searched,
                                      mp_resp_item *item) {
    size_t from = *searched > *at ? *searched : *at + 1;
    const char *end = from < size ? memchr(text + from, '\r', size - from) : NULL;
    *searched = end ? (size_t)(end - text) : size;
    if (!end || end + 1 == text + size)
        return MP_RESP_MORE;
    if (end[1] != '\n')
        return MP_RESP_REFUSED;
    item->text = text + *at + 1;
    item->length = (size_t)(end - item->text);
    *at = (size_t)(end - text) + 2;
    return MP_RESP_DONE;
}

static enum mp_resp_outcome take(const char *text, size_t size, size_t *at, size_t *searched,
                                 mp_resp_item *item) {
    if (*at == size)
        return MP_RESP_MORE;
    item->type = text[*at];
    size_t behind = *at;
    enum mp_resp_outcome outcome;
    switch (item->type) {
    case '+':
    case '-': return take_line(text, size, at, searched, item);
    case ':': return take_number(text, size, at, &item->number);
    case '*':
        outcome = take_number(text, size, &behind, &item->number);
        if (outcome == MP_RESP_DONE && item->number < -1)
            return MP_RESP_REFUSED;
        break;
    case '$':
        outcome = take_number(text, size, &behind, &item->number);
        if (outcome == MP_RESP_DONE)
            outcome = take_string(text, size, &behind, item);
        break;
    default: return MP_RESP_REFUSED;
    }
    if (outcome == MP_RESP_DONE)
        *at = behind;
    return outcome;
}

enum mp_resp_outcome mp_resp_take(const char *text, size_t size, size_t *at, mp_resp_item *item) {
    size_t searched = 0;
    return take(text, size, at, &searched, item);
}

/* --- commands ------------------------------------------------------------------------------------------- */

static enum mp_resp_outcome refuse(mp_resp_command *command, const char *why) {
    command->why = why;
    return MP_RESP_REFUSED;
}

static enum mp_resp_outcome begin_array(mp_resp_command *command, const mp_resp_limits *limits,
                                        const char *text, size_t size) {
    int64_t count;
    enum mp_resp_outcome outcome = take_number(text, size, &command->at, &count);
    if (outcome == MP_RESP_MORE)
        return MP_RESP_MORE;
    if (outcome == MP_RESP_REFUSED || count > limits->count)
        return refuse(command, "invalid multibulk length");
    command->is_array = true;
    command->first = command->at;
    command->count = command->left = count > 0 ? (uint32_t)count : 0;
    return MP_RESP_DONE;
}

/* The next string of an array. Its length alone may already refuse it. */
static enum mp_resp_outcome check_string(mp_resp_command *command, const mp_resp_limits *limits,
                                         const char *text, size_t size) {
    mp_resp_item item;
    size_t at = command->at;
    if (at == size)
        return MP_RESP_MORE;
    if (text[at] != '$') {
        command->got = text[at];
        return refuse(command, "expected '$'");
    }
    enum mp_resp_outcome outcome = take_number(text, size, &at, &item.number);
    if (outcome == MP_RESP_MORE)
        return MP_RESP_MORE;
    if (outcome == MP_RESP_REFUSED || item.number < 0 || (uint64_t)item.number > limits->string)
        return refuse(command, "invalid bulk length");
    if ((uint64_t)item.number > limits->size - command->size)
        return refuse(command, "too big request");
    outcome = take_string(text, size, &at, &item);
    if (outcome == MP_RESP_REFUSED)
        return refuse(command, "a bulk string is longer than its length");
    if (outcome == MP_RESP_DONE) {
        command->at = at;
        command->size += item.length;
        command->left--;
    }
    return outcome;
}

static enum mp_resp_outcome feed_line(mp_resp_command *command, const mp_resp_limits *limits,
                                      const char *text, size_t size) {
    const char *end = memchr(text + command->searched, '\n', size - command->searched);
    size_t length = end ? (size_t)(end - text) : size;
    command->searched = length;
    if (length > limits->line)
        return refuse(command, "too big inline request");
    if (!end)
        return MP_RESP_MORE;
    command->at = length + 1;
    return MP_RESP_DONE;
}

enum mp_resp_outcome mp_resp_command_feed(mp_resp_command *command, const mp_resp_limits *limits,
                                          const char *text, size_t size) {
    assert(command->at <= size && command->searched <= size);
    enum mp_resp_outcome outcome = MP_RESP_DONE;
    if (size == 0)
        return MP_RESP_MORE;
    if (text[0] != '*')
        return feed_line(command, limits, text, size);
    if (!command->is_array)
        outcome = begin_array(command, limits, text, size);
    while (outcome == MP_RESP_DONE && command->left > 0)
        outcome = check_string(command, limits, text, size);
    return outcome;
}

bool mp_resp_is_blank(const char *text, size_t size) {
    size_t at = 0;
    while (at < size && is_blank(text[at]))
        at++;
    return at == size;
}

static int hex(char c) {
    if (is_digit(c))
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What an escape within double quotes stands for, which begins at *at, behind the backslash. */
static char unescape(const char *text, size_t size, size_t *at) {
    static const char names[] = "nrtba", bytes[] = "\n\r\t\b\a";
    char c = text[(*at)++];
    if (c == 'x' && *at + 1 < size && hex(text[*at]) >= 0 && hex(text[*at + 1]) >= 0) {
        c = (char)(hex(text[*at]) * 16 + hex(text[*at + 1]));
        *at += 2;
        return c;
    }
    const char *name = c != '\0' ? strchr(names, c) : NULL;
    return name ? bytes[name - names] : c;
}

/* What is quoted, from *at on, which is behind the first quote. Behind the last one a blank must follow. */
static bool take_quoted(const char *text, size_t size, size_t *at, char quote, char *word, size_t *length) {
    while (*at < size && text[*at] != quote) {
        char c = text[(*at)++];
        if (c == '\\' && *at < size && quote == '"')
            c = unescape(text, size, at);
        else if (c == '\\' && *at < size && text[*at] == '\'')
            c = text[(*at)++];
        word[(*length)++] = c;
    }
    if (*at == size)
        return false;
    ++*at;
    return *at == size || is_blank(text[*at]);
}

enum mp_resp_outcome mp_resp_word(const char *text, size_t size, size_t *at, char *word, size_t *length) {
    *length = 0;
    while (*at < size && is_blank(text[*at]))
        ++*at;
    if (*at == size)
        return MP_RESP_MORE;
    while (*at < size && !is_blank(text[*at])) {
        char c = text[(*at)++];
        if (c != '"' && c != '\'')
            word[(*length)++] = c;
        else if (!take_quoted(text, size, at, c, word, length))
            return MP_RESP_REFUSED;
    }
    return MP_RESP_DONE;
}

/* --- replies -------------------------------------------------------------------------------------------- */

static enum mp_resp_outcome refuse_reply(mp_resp_reply *reply, const char *why) {
    reply->why = why;
    return MP_RESP_REFUSED;
}

/* Whether the item at reply->at may still be as long as the limits say, as far as it is there. */
static bool is_within(const mp_resp_reply *reply, const mp_resp_limits *limits, const char *text,
                      size_t size) {
    size_t at = reply->at;
    int64_t length;
    if (text[at] == '+' || text[at] == '-')
        return reply->searched <= at || reply->searched - at - 1 <= limits->line;
    if (text[at] != '$' || take_number(text, size, &at, &length) != MP_RESP_DONE || length < 0)
        return at <= limits->size;
    return (uint64_t)length <= limits->string && at <= limits->size && (uint64_t)length <= limits->size - at;
}

/* One value is complete: so may be the arrays that it ends. */
static void count_value(mp_resp_reply *reply) {
    while (reply->depth > 0 && --reply->left[reply->depth - 1] == 0)
        reply->depth--;
}

static enum mp_resp_outcome begin_nested(mp_resp_reply *reply, const mp_resp_limits *limits, int64_t length) {
    if (length <= 0) {
        count_value(reply);
        return MP_RESP_DONE;
    }
    if (length > limits->count - reply->count)
        return refuse_reply(reply, "a reply has too many values");
    if (reply->depth == MP_RESP_DEPTH)
        return refuse_reply(reply, "a reply has too many arrays within arrays");
    reply->left[reply->depth++] = (uint32_t)length;
    return MP_RESP_DONE;
}

enum mp_resp_outcome mp_resp_reply_feed(mp_resp_reply *reply, const mp_resp_limits *limits, const char *text,
                                        size_t size) {
    assert(reply->at <= size && reply->searched <= size);
    do {
        mp_resp_item item;
        size_t before = reply->at;
        enum mp_resp_outcome outcome = take(text, size, &reply->at, &reply->searched, &item);
        if (outcome == MP_RESP_REFUSED)
            return refuse_reply(reply, "a reply is malformed");
        if (outcome == MP_RESP_MORE) {
            if (before < size && !is_within(reply, limits, text, size))
                return refuse_reply(reply, "a reply is too long");
            return MP_RESP_MORE;
        }
        if (reply->at > limits->size || (item.type == '$' && item.length > limits->string) ||
            ((item.type == '+' || item.type == '-') && item.length > limits->line))
            return refuse_reply(reply, "a reply is too long");
        if (++reply->count > limits->count)
            return refuse_reply(reply, "a reply has too many values");
        if (item.type != '*')
            count_value(reply);
        else if (begin_nested(reply, limits, item.number) == MP_RESP_REFUSED)
            return MP_RESP_REFUSED;
    } while (reply->depth > 0);
    return MP_RESP_DONE;
}
