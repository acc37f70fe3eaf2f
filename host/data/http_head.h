/*
 * The head of an HTTP/1.x message (RFC 9110, RFC 9112), found in the bytes as they come: its start line, the
 * places of its header fields, and how its body is framed. Nothing is copied, and no byte is looked at twice.
 *
 * It is strict where leniency lets two programs see different messages in the same bytes (request smuggling):
 * lines end only with CRLF; no folded lines, no blank before a colon, no control characters; one Host, one
 * Content-Length, and never that together with Transfer-Encoding.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_HTTP_HEAD_H
#define MP_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mp_http_limits {
    uint32_t line;   /* bytes of the start line: 414 beyond */
    uint32_t head;   /* bytes of the whole head: 431 beyond */
    uint32_t fields; /* header fields: 431 beyond */
    uint64_t body;   /* bytes of a body: 413 beyond */
} mp_http_limits;

enum mp_http_outcome { MP_HTTP_MORE, MP_HTTP_DATA, MP_HTTP_DONE, MP_HTTP_REFUSED };

typedef struct mp_http_slice {
    uint32_t at, length; /* from the message's first byte */
} mp_http_slice;

/* Fields whose values the parser needs, or that must not occur twice; an index of mp_http_head.known. */
enum mp_http_field {
    MP_HTTP_HOST,
    MP_HTTP_CONTENT_LENGTH,
    MP_HTTP_TRANSFER_ENCODING,
    MP_HTTP_EXPECT,
    MP_HTTP_KNOWN, /* those above have their slices kept */
    MP_HTTP_CONNECTION = MP_HTTP_KNOWN,
    MP_HTTP_CONTENT_TYPE,
    MP_HTTP_RANGE,
    MP_HTTP_IF_RANGE,
    MP_HTTP_IF_MODIFIED_SINCE,
    MP_HTTP_IF_UNMODIFIED_SINCE,
    MP_HTTP_AUTHORIZATION,
    MP_HTTP_LOCATION,
    MP_HTTP_OTHER
};

typedef struct mp_http_head {
    bool is_response;
    uint8_t state;
    uint8_t minor; /* of HTTP/1. */
    bool close;    /* Connection names close */
    bool keep;     /* Connection names keep-alive */
    bool chunked;  /* the body is */
    bool has_length;
    bool expects;   /* Expect: 100-continue */
    bool rooted;    /* the path needs a slash in front that the target doesn't have */
    uint32_t seen;  /* a bit for each mp_http_field */
    uint32_t first; /* where the start line begins: 2 behind an empty line */
    uint32_t line;  /* where the current line begins */
    uint32_t scanned;
    uint32_t count;                            /* header fields */
    uint32_t fields, end;                      /* where they begin, and where the head ends */
    int status;                                /* of a response */
    mp_http_slice method, target, path, query; /* method: of a response, its reason */
    mp_http_slice known[MP_HTTP_KNOWN];
    uint64_t length; /* Content-Length */
    int refusal;     /* an HTTP status */
    const char *why;
} mp_http_head;

void mp_http_head_init(mp_http_head *head, bool is_response);

/* Looks at `size` bytes of the message, which begin with those that it was given before. DONE: head->end
   bytes are the head. REFUSED: head->refusal and why say the answer. */
enum mp_http_outcome mp_http_head_feed(mp_http_head *head, const mp_http_limits *limits, const char *text,
                                       size_t size);

/* The next header field at *at of a head that is done, which ends at `end`; false behind the last one. */
bool mp_http_head_next(const char *text, uint32_t end, uint32_t *at, mp_http_slice *name,
                       mp_http_slice *value);

#endif
