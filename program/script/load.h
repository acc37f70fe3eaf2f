/*
 * A load of the script, the first or one for a reload: its main chunk runs as a task of a generation. Beside
 * a generation that serves, it runs in slices.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_LOAD_H
#define PROGRAM_LOAD_H

#include <lua.h>

#include "loop/watcher.h"
#include "run/task.h"
#include "script/require.h"
#include "script/slices.h"
#include "options.h"

typedef struct program_load program_load;

struct program_load {
    binding_state *state;
    const program_options *options;
    binding_generation *generation; /* NULL: nothing is being loaded */
    binding_task *task;             /* the main chunk; NULL: it ended */
    enum { LOAD_RUNS, LOAD_SUCCEEDED, LOAD_FAILED, LOAD_CANCELLED } outcome;
    bool unreadable;            /* the script couldn't be compiled: its error says where */
    char *error;                /* with its traceback where there is one */
    size_t message;             /* the length of its first part, without the traceback */
    int environment;            /* registry reference */
    lua_State *speaker;         /* a coroutine that makes the texts of errors, */
    int speaker_reference;      /* in the registry */
    double started;             /* clock, milliseconds */
    program_slices slices;      /* of the main chunk, beside a generation that serves */
    program_late_modules *late; /* of the owner */
    /* The main chunk ended; called from within the loop, while its task is ending. */
    void (*ended)(program_load *load);
    void *owner; /* of `ended` */
};

/* An idle load. `late` learns of each module that the run loads. */
void program_init_load(program_load *load, binding_state *state, const program_options *options,
                       program_late_modules *late, void (*ended)(program_load *load), void *owner);

/* Begins to run the script as the current generation, which is new; releases `module`, a reference to its
   `moonport`. `from`: see below. The chunk may end at once; then `ended` has been called. */
void program_load_first(program_load *load, int module, int from);

/* Begins to run it as a staged generation. `from` is a reference to the environment with its text, or
   LUA_NOREF. */
void program_load_next(program_load *load, int from);

/* Ends the main chunk: the load fails with its place and this reason, a constant; NULL: it is late. */
void program_cut_load(program_load *load, const char *why);

/* Call it in a function of this name that only a serving generation may call. Returns for such a generation.
   Otherwise it raises an error; and if the caller is a main chunk in slices, the load fails with that line,
   even if the script catches the error. Other code of that generation, such as finalisers, only gets the
   error. */
void program_refuse(lua_State *L, const char *name);

/* Resets a load that ended, except for its environment, which the caller owns. */
void program_end_load(program_load *load);

#endif
