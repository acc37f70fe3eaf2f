/*
 * The store that moonport.redis uses where nothing names another one: a process of its own that speaks Redis'
 * protocol, see process.lua. Its owner is the master of --workers, or the only process. This is the owner's
 * part: the listening socket, which lives as long as the owner, so that clients wait in its backlog while no
 * store runs; and starting it, again after a crash, and ending it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_STORE_H
#define PROGRAM_STORE_H

#include <sys/types.h>

#include "net/local_place.h"
#include "own_process.h"

typedef struct program_store {
    binding_state *state;
    const program_options *options;
    mp_local_place *place; /* NULL: nobody has asked for it */
    int fd;                /* the listening socket */
    program_own_process process;
} program_store;

void program_init_store(program_store *self, binding_state *state, const program_options *options);

/* Starts it, unless that was done. Doesn't wait until it serves: clients can connect at once. Returns NULL,
   or why there is none: a constant, or `text`. */
const char *program_open_store(program_store *self, char *text, size_t size);

/* The path of its socket. It is open. */
const char *program_store_path(const program_store *self);

/* The number of its process; 0: none runs. */
pid_t program_store_pid(const program_store *self);

/* Behind the loop: tells it to stop, and waits until it has saved its keys, at most for --grace and half a
   minute. False: it couldn't. */
bool program_close_store(program_store *self);

/* --- in the store's own process ------------------------------------------------------------------------- */

/* Makes the program run a store, of which `options` say what it is, and nothing else. */
void program_become_store(lua_State *L, program_options *options);

#endif
