/*
 * Lingering close: a descriptor whose last bytes are still on their way to the peer. Closing it at once would throw them
 * away if the peer has sent or sends anything more (the system answers that with a reset). So the write side is shut, what
 * comes is discarded, and the descriptor is closed when the peer has closed too, or two seconds after it confirmed the last
 * byte, or when it has confirmed none for half a minute (RFC 1122, 4.2.2.13).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LINGER_H
#define MP_LINGER_H

#include "loop/loop.h"

/* Takes `fd` over if there are unconfirmed bytes, or if the peer is sending: unread bytes, and while the loop winds down
   (when there is time for it) what came lately. False if not, or for lack of memory: the caller closes it. */
bool mp_linger(mp_loop *loop, int fd);

/* How many of those that linger have unconfirmed bytes. */
unsigned mp_linger_unsent(const mp_loop *loop);

/* Closes all that linger, now. */
void mp_linger_end(mp_loop *loop);

#endif
