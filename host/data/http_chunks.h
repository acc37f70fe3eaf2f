/*
 * A chunked body of HTTP/1.1 (RFC 9112, 7.1), byte by byte as it comes: what is data, and where it ends.
 * Trailer fields and extensions are checked and skipped. Lines end only with CRLF.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_HTTP_CHUNKS_H
#define MP_HTTP_CHUNKS_H

#include "data/http_head.h"

typedef struct mp_http_chunks {
    uint8_t state;
    uint8_t part;  /* of the line */
    bool returned; /* a CR was read */
    uint8_t digits;
    uint32_t line;    /* bytes of the line so far */
    uint32_t trailer; /* bytes of the trailer so far */
    uint64_t left;    /* of the chunk */
    uint64_t size;    /* of the body so far */
    uint64_t chunk;   /* the size that the line says */
    int refusal;
    const char *why;
} mp_http_chunks;

void mp_http_chunks_init(mp_http_chunks *chunks);

/* Looks at the bytes from *at on, and puts *at behind what it has used. DATA: *length bytes before *at are
   data. MORE: all are used. DONE: the body ends at *at. REFUSED: chunks->refusal and why. */
enum mp_http_outcome mp_http_chunks_feed(mp_http_chunks *chunks, const mp_http_limits *limits,
                                         const char *text, size_t size, size_t *at, size_t *length);

#endif
