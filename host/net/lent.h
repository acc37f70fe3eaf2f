/*
 * Listening descriptors of other processes of the program, whose clients this process accepts meanwhile: the
 * other one doesn't run, and its clients would wait. A listener accepts from them as from its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LENT_H
#define MP_LENT_H

#include "net/listener.h"

/* Lends `fd` to the listener whose own descriptor has this cookie, and closes it when that ends. Returns 0,
   -ENOENT or -ENOMEM; then the descriptor is closed. */
int mp_network_lend_listener(mp_network *network, uint64_t cookie, int fd);

/* Closes the lent descriptor with this cookie, if there is one. */
void mp_network_end_loan(mp_network *network, uint64_t cookie);

/* Accepts from the listener's lent descriptors, or doesn't; for the server. */
void mp_listener_watch_lent(mp_listener *listener, bool accept);

/* Closes all of them. */
void mp_listener_end_lent(mp_listener *listener);

#endif
