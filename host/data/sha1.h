/*
 * SHA-1 (FIPS 180-4), which the handshake of WebSocket needs; it keeps no secret there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SHA1_H
#define MP_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { MP_SHA1_SIZE = 20, MP_SHA1_LONGEST = 119 };

/* The digest of data[0, size); of at most MP_SHA1_LONGEST bytes. */
void mp_sha1(const void *data, size_t size, uint8_t digest[MP_SHA1_SIZE]);

#endif
