/*
 * Memory set aside for libev. libev ends the process if one of its allocations fails, so it then gets memory
 * from a reserve. Whoever wants to watch more first asks whether the reserve is whole, and handles a refusal
 * like any failed allocation.
 *
 * libev has one allocator for all its loops and passes it no context, so this is the only global state in
 * host/.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESERVE_H
#define MP_RESERVE_H

#include <stdbool.h>

/* Allocates the reserve, before the first loop. Only for programs that own their process. Returns 0 or
   -ENOMEM. */
int mp_reserve_set_aside(void);

/* True if the reserve is whole; if not, tries to fill it first. Always true if none was set aside. Ask before
   more is watched. */
bool mp_reserve_is_whole(void);

#endif
