/*
 * The descriptors that the objects of a network own: those that they open, accept or adopt. Two objects with
 * the same descriptor would close it for each other, and libev would abort the process. So an owned
 * descriptor is not adopted again. Whoever ran out of descriptors waits here until one is closed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_DESCRIPTOR_H
#define MP_DESCRIPTOR_H

#include "net/network.h"

/* Records that an object now owns `fd`. If there is no memory for the record, this descriptor has no
   guard. */
void mp_descriptor_own(mp_network *network, int fd);

bool mp_descriptor_is_owned(const mp_network *network, int fd);

/* Closes `fd`, owned or not, and calls those that wait for a descriptor (mp_descriptor_await). */
void mp_descriptor_close(mp_network *network, int fd);

/* Calls `freed` once, when a descriptor is closed; that may be inside a call of the API. */
void mp_descriptor_await(mp_network *network, mp_starving *starving);

/* Stops waiting; does nothing if it doesn't wait. */
void mp_descriptor_stop_awaiting(mp_starving *starving);

/* Has those that wait try again: something outside the loop may have freed descriptors. */
void mp_descriptor_freed(mp_network *network);

#endif
