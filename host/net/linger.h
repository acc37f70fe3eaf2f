/*
 * Lingering close: a descriptor whose last bytes the peer may not have read. Closing it at once would throw
 * them away if the peer has sent or sends anything more (the system answers that with a reset, RFC 1122,
 * 4.2.2.13). So the write side is shut, what comes is thrown away, and the descriptor is closed when the peer
 * has closed too. It waits no longer than until the peer has sent nothing for two seconds, or for half a
 * minute once it has confirmed the last byte, or while it confirms none for half a minute, or until 256 MiB
 * were thrown away.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LINGER_H
#define MP_LINGER_H

#include "net/network.h"

/* Takes `fd` over if there are unconfirmed bytes, or if the peer may be sending: unread bytes, or some came
   within two seconds. False if not, or for lack of memory: the caller closes it. */
bool mp_linger(mp_network *network, int fd);

/* How many of those that linger have unconfirmed bytes. */
unsigned mp_linger_unsent(const mp_network *network);

/* Closes all that linger, now. */
void mp_linger_end(mp_network *network);

#endif
