/*
 * Lingering close: a descriptor whose last bytes are still on their way to the peer. Closing it at once would throw them
 * away if the peer sends anything more (the system answers that with a reset). So the write side is shut, what comes is
 * discarded, and the descriptor is closed when the peer has closed too or after two seconds (RFC 1122, 4.2.2.13).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LINGER_H
#define MP_LINGER_H

#include "loop.h"

/* Takes `fd` over if there are unconfirmed bytes; false if there are none (or no memory): the caller closes it. */
bool mp_linger(mp_loop *loop, int fd);

/* Closes all that linger, now. */
void mp_linger_end(mp_loop *loop);

#endif
