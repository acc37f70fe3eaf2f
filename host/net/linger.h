/*
 * Lingering close: for a descriptor whose last bytes the peer may not have read. If it were closed at once,
 * and the peer has sent or sends anything more, the system would answer with a reset, and the bytes would be
 * lost (RFC 1122, 4.2.2.13). So the write side is shut, input is thrown away, and the descriptor is closed
 * after the peer has closed. The wait ends early when the peer has sent nothing for two seconds; half a
 * minute after it has confirmed the last byte; when it confirms no byte for half a minute; and after 256 MiB
 * of input.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LINGER_H
#define MP_LINGER_H

#include "net/network.h"

/* Takes over `fd` if bytes are unconfirmed, or if the peer may be sending (bytes are unread, some arrived
   within two seconds, or nobody knows). Returns false otherwise, or if there is no memory; then the caller
   closes it. */
bool mp_linger(mp_network *network, int fd);

/* The number of lingering descriptors with unconfirmed bytes. */
unsigned mp_linger_unsent(const mp_network *network);

/* Closes all lingering descriptors now. */
void mp_linger_end(mp_network *network);

#endif
