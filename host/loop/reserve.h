/*
 * What is set aside for libev. It ends the process when an allocation of its own fails; so it gets its memory
 * from a reserve then, and whoever would have it watch more asks before whether the reserve is whole, as for
 * any other memory.
 *
 * libev knows one allocator for all its loops, and doesn't hand it anything: this is the one state of the
 * process in host/.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESERVE_H
#define MP_RESERVE_H

#include <stdbool.h>

/* Sets it aside. For programs that own their process, before the first loop. Returns 0 or -ENOMEM. */
int mp_reserve_set_aside(void);

/* Is it whole? If not, tries to fill it up. Always true where nothing was set aside. Asked before more is
   watched. */
bool mp_reserve_is_whole(void);

#endif
