/*
 * WebSocket's frames (RFC 6455): found in the bytes as they come, and written. What is found is unmasked
 * where it lies. No extension is known, so reserved bits are refused.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WEBSOCKET_H
#define MP_WEBSOCKET_H

#include "data/utf8.h"

enum mp_websocket_opcode {
    MP_WEBSOCKET_CONTINUATION = 0,
    MP_WEBSOCKET_TEXT = 1,
    MP_WEBSOCKET_BINARY = 2,
    MP_WEBSOCKET_CLOSE = 8,
    MP_WEBSOCKET_PING = 9,
    MP_WEBSOCKET_PONG = 10
};

/* Codes of a close. */
enum {
    MP_WEBSOCKET_NORMAL = 1000,
    MP_WEBSOCKET_PROTOCOL = 1002,
    MP_WEBSOCKET_NO_CODE = 1005,  /* never sent: the peer has given none */
    MP_WEBSOCKET_ABNORMAL = 1006, /* never sent: the connection ended without a close */
    MP_WEBSOCKET_NOT_UTF8 = 1007,
    MP_WEBSOCKET_POLICY = 1008,
    MP_WEBSOCKET_TOO_LARGE = 1009,
    MP_WEBSOCKET_ERROR = 1011
};

enum {
    MP_WEBSOCKET_HEAD = 14,     /* bytes of the longest head of a frame */
    MP_WEBSOCKET_CONTROL = 125, /* bytes of the longest payload of a control frame */
    MP_WEBSOCKET_KEY = 24,      /* bytes of Sec-WebSocket-Key */
    MP_WEBSOCKET_ACCEPT = 28    /* and of Sec-WebSocket-Accept */
};

/* Where in the bytes of a peer the next ones are; the owner sets `limit` and `masked`, the rest begins as
   zeros. */
typedef struct mp_websocket_reader {
    uint8_t mask[4];   /* of the frame */
    uint8_t turn;      /* which byte of the mask is next */
    uint8_t kind;      /* of the message: TEXT or BINARY; 0: none has begun */
    bool masked : 1;   /* frames must be masked: the peer is a client; else they may not */
    bool in_frame : 1; /* its head was read */
    bool final : 1;    /* it is the message's last */
    mp_utf8 utf8;
    uint64_t limit; /* bytes of a message */
    uint64_t left;  /* bytes of a message's frame that aren't there yet */
    uint64_t size;  /* bytes of the message in front of them */
} mp_websocket_reader;

enum mp_websocket_outcome {
    MP_WEBSOCKET_MORE,    /* more must come */
    MP_WEBSOCKET_PIECE,   /* a part of a message, perhaps empty */
    MP_WEBSOCKET_MESSAGE, /* the last part of a message, perhaps empty */
    MP_WEBSOCKET_PINGED,
    MP_WEBSOCKET_PONGED,
    MP_WEBSOCKET_CLOSED,
    MP_WEBSOCKET_REFUSED /* the connection is to be closed with the code; nothing may follow */
};

typedef struct mp_websocket_item {
    size_t used; /* what the item has taken of the bytes */
    char *data;  /* its payload; of a close the reason */
    size_t size;
    uint64_t total;  /* of a message: bytes of all its parts */
    uint8_t kind;    /* of a part of a message */
    uint16_t code;   /* of a close, and for a refusal */
    const char *why; /* of a refusal */
} mp_websocket_item;

/* Takes the next item of text[0, size). */
enum mp_websocket_outcome mp_websocket_next(mp_websocket_reader *reader, char *text, size_t size,
                                            mp_websocket_item *item);

/* True if a control frame is next. */
static inline bool mp_websocket_at_control(const mp_websocket_reader *reader, const char *text, size_t size) {
    return !reader->in_frame && size > 0 && (text[0] & 8);
}

/* Writes the head of a whole message, or of a control frame, to `head`, which has room for MP_WEBSOCKET_HEAD
   bytes; mask: four bytes, or NULL. -> bytes */
size_t mp_websocket_write_head(char *head, enum mp_websocket_opcode opcode, uint64_t size,
                               const uint8_t *mask);

/* Masks from[0, size), or unmasks it, to `to`, which may be the same; `turn`: which byte of the mask is
   first. */
void mp_websocket_mask(char *to, const char *from, size_t size, const uint8_t mask[4], unsigned turn);

/* True if a close may have the code. */
bool mp_websocket_is_code(int64_t code);

/* True if the text is a key: sixteen bytes in Base64. */
bool mp_websocket_is_key(const char *text, size_t size);

/* Makes a key of sixteen random bytes. */
void mp_websocket_make_key(const uint8_t random[16], char key[MP_WEBSOCKET_KEY]);

/* The answer to a key. */
void mp_websocket_accept(const char key[MP_WEBSOCKET_KEY], char accept[MP_WEBSOCKET_ACCEPT]);

#endif
