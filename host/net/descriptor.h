/*
 * The descriptors that the objects of a network own: whatever they open, accept or adopt. Two objects with
 * one descriptor would close it under each other, and libev aborts the process for it; so one that is owned
 * is not adopted again. Whoever ran out of them waits here until one is closed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_DESCRIPTOR_H
#define MP_DESCRIPTOR_H

#include "net/network.h"

/* Notes that an object owns `fd` from now on. Without memory for the note, nothing guards this one. */
void mp_descriptor_own(mp_network *network, int fd);

bool mp_descriptor_is_owned(const mp_network *network, int fd);

/* Closes `fd`, owned or not, and tells those that wait for one (mp_descriptor_await). */
void mp_descriptor_close(mp_network *network, int fd);

/* Has `freed` called once, when a descriptor has been closed: perhaps inside a call of the API. */
void mp_descriptor_await(mp_network *network, mp_starving *starving);

/* Ends that; does nothing if it doesn't wait. */
void mp_descriptor_stop_awaiting(mp_starving *starving);

/* Tells those that wait to try again: descriptors may be freed by others than the loop. */
void mp_descriptor_freed(mp_network *network);

#endif
