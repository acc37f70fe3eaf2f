/*
 * The descriptors that the objects of a loop own: whatever they open, accept or adopt. Two objects with one descriptor
 * would close it under each other, and libev aborts the process for it; so one that is owned is not adopted again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_DESCRIPTOR_H
#define MP_DESCRIPTOR_H

#include "loop/loop.h"

/* Notes that an object owns `fd` from now on. Without memory for the note, nothing guards this one. */
void mp_descriptor_own(mp_loop *loop, int fd);

bool mp_descriptor_is_owned(const mp_loop *loop, int fd);

/* Closes `fd`, owned or not. */
void mp_descriptor_close(mp_loop *loop, int fd);

#endif
