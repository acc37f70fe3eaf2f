/*
 * Where the control socket of a running program is, see docs/guide/operating.md: in a folder that is this
 * user's alone, with the number of the process as its name; or in the one that systemd has made for the
 * service.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_PLACE_H
#define PROGRAM_PLACE_H

#include <stddef.h>

#include "data/local_name.h"

/* The place of this process; `wish` is what --control says, or NULL. Returns NULL, or why there is none: a
   constant, or `why`. */
const char *program_find_place(const char *wish, mp_local_name *name, char *why, size_t size);

/* Calls `found` with the path of each control socket in the places of this user's programs; for root of all
   users' and of the services of systemd. Nobody may listen there any more. */
void program_list_places(void (*found)(void *context, const char *path), void *context);

#endif
