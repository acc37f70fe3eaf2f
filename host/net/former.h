/*
 * A listener that changes its descriptor and address. For a moment it also accepts the clients whose connect
 * to the former descriptor was in progress. The former descriptor ignores new clients; they try again, and
 * reach the new one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FORMER_H
#define MP_FORMER_H

#include "net/listener.h"

/* Allocates this state in the listener whose descriptor will be the new one. Returns 0 or -ENOMEM. */
int mp_listener_expect_former(mp_listener *listener);

/* Gives the listener the descriptor and the address of `with`, for which mp_listener_expect_former was
   called. */
void mp_listener_exchange(mp_listener *listener, mp_listener *with);

/* The former descriptor, or -1. */
int mp_listener_former(const mp_listener *listener);

/* Closes the former descriptor. */
void mp_listener_end_former(mp_listener *listener);

#endif
