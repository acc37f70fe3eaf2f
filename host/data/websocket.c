/*
 * WebSocket's frames; see websocket.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/websocket.h"

#include <assert.h>
#include <string.h>

/* The first two bytes of a head. */
enum {
    FINAL = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126, /* two bytes of it follow */
    LENGTH_64 = 127  /* eight */
};

typedef struct frame_head {
    size_t size; /* bytes */
    uint64_t length;
    uint8_t opcode;
    bool final;
    uint8_t mask[4];
} frame_head;

static enum mp_websocket_outcome refuse(mp_websocket_item *item, uint16_t code, const char *why) {
    *item = (mp_websocket_item){.code = code, .why = why};
    return MP_WEBSOCKET_REFUSED;
}

static enum mp_websocket_outcome refuse_protocol(mp_websocket_item *item, const char *why) {
    return refuse(item, MP_WEBSOCKET_PROTOCOL, why);
}

/* --- heads ---------------------------------------------------------------------------------------------- */

/* What is wrong with the first two bytes of a head, or NULL. */
static const char *check_start(const mp_websocket_reader *reader, uint8_t first, uint8_t second) {
    uint8_t opcode = first & OPCODE;
    bool control = opcode >= MP_WEBSOCKET_CLOSE;
    if (first & RESERVED)
        return "a reserved bit is set";
    if (opcode > MP_WEBSOCKET_PONG || (opcode > MP_WEBSOCKET_BINARY && !control))
        return "an unknown opcode";
    if (!(second & MASKED) == reader->masked)
        return reader->masked ? "a frame without a mask" : "a frame with a mask";
    if (control && !(first & FINAL))
        return "a control frame in fragments";
    if (control && (second & LENGTH) > MP_WEBSOCKET_CONTROL)
        return "a control frame that is too long";
    if (opcode == MP_WEBSOCKET_CLOSE && (second & LENGTH) == 1)
        return "a close with half a code";
    if (!control && (opcode == MP_WEBSOCKET_CONTINUATION) != (reader->kind != 0))
        return reader->kind ? "a message within another one" : "a continuation of no message";
    return NULL;
}

/* MESSAGE: it is there. */
static enum mp_websocket_outcome read_length(const uint8_t *bytes, size_t size, frame_head *head,
                                             mp_websocket_item *item) {
    uint8_t length = bytes[1] & LENGTH;
    size_t more = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
    if (size < 2 + more)
        return MP_WEBSOCKET_MORE;
    head->length = more ? 0 : length;
    for (size_t i = 0; i < more; i++)
        head->length = head->length << 8 | bytes[2 + i];
    head->size = 2 + more;
    if (head->length > INT64_MAX)
        return refuse_protocol(item, "a length of 2^63 or more");
    if ((more == 2 && head->length < LENGTH_16) || (more == 8 && head->length <= UINT16_MAX))
        return refuse_protocol(item, "a length that isn't in its shortest form");
    return MP_WEBSOCKET_MESSAGE;
}

static enum mp_websocket_outcome read_head(const mp_websocket_reader *reader, const char *text, size_t size,
                                           frame_head *head, mp_websocket_item *item) {
    const uint8_t *bytes = (const uint8_t *)text;
    if (size < 2)
        return MP_WEBSOCKET_MORE;
    const char *why = check_start(reader, bytes[0], bytes[1]);
    if (why)
        return refuse_protocol(item, why);
    head->final = bytes[0] & FINAL;
    head->opcode = bytes[0] & OPCODE;
    enum mp_websocket_outcome outcome = read_length(bytes, size, head, item);
    if (outcome != MP_WEBSOCKET_MESSAGE)
        return outcome;
    if (head->opcode <= MP_WEBSOCKET_BINARY && head->length > reader->limit - reader->size)
        return refuse(item, MP_WEBSOCKET_TOO_LARGE, "the message is too large");
    if (!reader->masked)
        return outcome;
    if (size < head->size + sizeof head->mask)
        return MP_WEBSOCKET_MORE;
    memcpy(head->mask, bytes + head->size, sizeof head->mask);
    head->size += sizeof head->mask;
    return outcome;
}

/* --- what a peer sends ---------------------------------------------------------------------------------- */

bool mp_websocket_is_code(int64_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum mp_websocket_outcome close_frame(mp_websocket_item *item) {
    item->code = MP_WEBSOCKET_NO_CODE;
    if (item->size == 0)
        return MP_WEBSOCKET_CLOSED;
    assert(item->size > 1);
    item->code = (uint16_t)((uint8_t)item->data[0] << 8 | (uint8_t)item->data[1]);
    item->data += 2;
    item->size -= 2;
    if (!mp_websocket_is_code(item->code))
        return refuse_protocol(item, "a close with a code that may not be sent");
    if (!mp_utf8_is_text(item->data, item->size))
        return refuse(item, MP_WEBSOCKET_NOT_UTF8, "the reason of a close isn't UTF-8");
    return MP_WEBSOCKET_CLOSED;
}

static enum mp_websocket_outcome control_frame(const mp_websocket_reader *reader, const frame_head *head,
                                               char *text, size_t size, mp_websocket_item *item) {
    if (size - head->size < head->length)
        return MP_WEBSOCKET_MORE;
    item->data = text + head->size;
    item->size = (size_t)head->length;
    item->used = head->size + item->size;
    if (reader->masked)
        mp_websocket_mask(item->data, item->data, item->size, head->mask, 0);
    switch (head->opcode) {
    case MP_WEBSOCKET_PING: return MP_WEBSOCKET_PINGED;
    case MP_WEBSOCKET_PONG: return MP_WEBSOCKET_PONGED;
    default: return close_frame(item);
    }
}

/* The frame's payload from text[at] on. */
static enum mp_websocket_outcome message_part(
    mp_websocket_reader *reader, char *text, /* NOLINT(readability-non-const-parameter): unmasked */
    size_t size, size_t at, mp_websocket_item *item) {
    size_t there = size - at < reader->left ? size - at : (size_t)reader->left;
    if (there == 0 && at == 0 && reader->left > 0)
        return MP_WEBSOCKET_MORE;
    *item = (mp_websocket_item){.used = at + there, .data = text + at, .size = there, .kind = reader->kind};
    if (reader->masked)
        mp_websocket_mask(item->data, item->data, there, reader->mask, reader->turn);
    reader->turn = (uint8_t)((reader->turn + there) % sizeof reader->mask);
    reader->left -= there;
    reader->size += there;
    reader->in_frame = reader->left > 0;
    bool ends = reader->final && !reader->in_frame;
    if (reader->kind == MP_WEBSOCKET_TEXT &&
        (!mp_utf8_feed(&reader->utf8, item->data, there) || (ends && !mp_utf8_is_whole(&reader->utf8))))
        return refuse(item, MP_WEBSOCKET_NOT_UTF8, "the text isn't UTF-8");
    item->total = reader->size;
    if (!ends)
        return MP_WEBSOCKET_PIECE;
    reader->kind = 0;
    reader->size = 0;
    return MP_WEBSOCKET_MESSAGE;
}

enum mp_websocket_outcome mp_websocket_next(mp_websocket_reader *reader, char *text, size_t size,
                                            mp_websocket_item *item) {
    frame_head head = {0};
    *item = (mp_websocket_item){0};
    if (reader->in_frame)
        return message_part(reader, text, size, 0, item);
    enum mp_websocket_outcome outcome = read_head(reader, text, size, &head, item);
    if (outcome != MP_WEBSOCKET_MESSAGE)
        return outcome;
    if (head.opcode >= MP_WEBSOCKET_CLOSE)
        return control_frame(reader, &head, text, size, item);
    if (reader->kind == 0) {
        reader->kind = head.opcode;
        reader->utf8 = (mp_utf8){0};
    }
    memcpy(reader->mask, head.mask, sizeof reader->mask);
    reader->turn = 0;
    reader->left = head.length;
    reader->final = head.final;
    return message_part(reader, text, size, head.size, item);
}

/* --- what is written ------------------------------------------------------------------------------------ */

size_t mp_websocket_write_head(char *head, enum mp_websocket_opcode opcode, uint64_t size,
                               const uint8_t *mask) {
    size_t more = size < LENGTH_16 ? 0 : size <= UINT16_MAX ? 2 : 8, at = 2;
    uint64_t length = more == 0 ? size : more == 2 ? LENGTH_16 : LENGTH_64;
    assert(size <= INT64_MAX && (opcode < MP_WEBSOCKET_CLOSE || size <= MP_WEBSOCKET_CONTROL));
    head[0] = (char)(FINAL | opcode);
    head[1] = (char)(length | (mask ? MASKED : 0));
    for (size_t i = more; i > 0; i--)
        head[at++] = (char)(size >> (8 * (i - 1)));
    if (!mask)
        return at;
    memcpy(head + at, mask, 4);
    return at + 4;
}

void mp_websocket_mask(char *to, const char *from, size_t size, const uint8_t mask[4], unsigned turn) {
    uint8_t turned[8];
    uint64_t pattern, word;
    size_t i = 0;
    for (unsigned j = 0; j < sizeof turned; j++)
        turned[j] = mask[(turn + j) % 4];
    memcpy(&pattern, turned, sizeof pattern);
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        word ^= pattern;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < size; i++)
        to[i] = (char)((uint8_t)from[i] ^ turned[i % sizeof turned]);
}
