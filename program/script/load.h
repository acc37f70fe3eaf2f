/*
 * A load of the script, the first or one for a reload: its main chunk runs as a task of a generation. While
 * it is loaded beside a generation that serves it runs in slices of a millisecond, so that not even an
 * endless loop in it holds the service up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_LOAD_H
#define PROGRAM_LOAD_H

#include <lua.h>

#include "loop/watcher.h"
#include "run/task.h"
#include "script/compile.h"
#include "options.h"

typedef struct program_load program_load;

struct program_load {
    binding_state *state;
    const program_options *options;
    binding_generation *generation; /* NULL: nothing is being loaded */
    binding_task *task;             /* the main chunk; NULL: it has ended */
    enum { LOAD_RUNS, LOAD_SUCCEEDED, LOAD_FAILED, LOAD_CANCELLED } outcome;
    bool unreadable;  /* the script couldn't be compiled: its error says where */
    bool interrupted; /* by an error, which it may have caught */
    const char *late; /* why it is to end, or NULL */
    char *error;      /* with its traceback where there is one */
    size_t message;   /* the length of its first part, which is no traceback */
    int environment;  /* registry reference */
    double started;   /* clock, milliseconds */
    double slice;     /* when the current slice began */
    mp_soon next_slice;
    program_compiler compiler; /* while it is at work the main chunk waits, its slices are the compiler's */
    /* The main chunk has ended; called from within the loop, while its task is ending. */
    void (*ended)(program_load *load);
    void *owner; /* of `ended` */
};

/* Makes a load that nothing is being loaded with. */
void program_init_load(program_load *load, binding_state *state, const program_options *options,
                       void (*ended)(program_load *load), void *owner);

/* Begins to run the script as the current generation, which is new; `module` is a reference to its
   `moonport`, which is given up. It may have ended at once; then `ended` has been called. */
void program_load_first(program_load *load, int module);

/* Begins to run it as a generation that is staged. `from` is a reference to the environment that its text is
   taken from, or LUA_NOREF. */
void program_load_next(program_load *load, int from);

/* The main chunk is to end: the load fails with where it was and this reason, a constant; NULL: it is
   late. */
void program_cut_load(program_load *load, const char *why);

/* The code that runs asks for what only a generation that serves may, with a function of this name: if it is
   a main chunk that is being loaded beside one, the load fails with that line whatever the script makes of
   the error, which this raises. What of such a generation runs otherwise (its finalisers, and what ends with
   the chunk) gets the error alone. Else it returns. */
void program_refuse(lua_State *L, const char *name);

/* Forgets a load that has ended, but for its environment, which is the caller's. */
void program_end_load(program_load *load);

#endif
