/*
 * A listener that goes on with another descriptor, at another address: for a moment it accepts also those who
 * were about to be connected to the one before. New clients are ignored there and try again, which brings
 * them to the new one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FORMER_H
#define MP_FORMER_H

#include "net/listener.h"

/* Memory for that, in the listener whose descriptor is to be the new one. Returns 0 or -ENOMEM. */
int mp_listener_expect_former(mp_listener *listener);

/* The listener goes on with the descriptor, and the address, of the other one, which has expected it. */
void mp_listener_exchange(mp_listener *listener, mp_listener *with);

/* The former descriptor, or -1. */
int mp_listener_former(const mp_listener *listener);

/* Closes it. */
void mp_listener_end_former(mp_listener *listener);

#endif
