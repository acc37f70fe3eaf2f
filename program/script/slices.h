/*
 * The main chunk of a run that doesn't serve yet has a stack of its own. It runs for a millisecond in each
 * turn of the loop, wherever its code is by then (in a coroutine, in a comparison of table.sort, in a message
 * handler). So even an endless loop in it doesn't stop the service.
 *
 * Lua's own way, to yield, doesn't work below a function in C. With a stack a hook needs no yield: it
 * switches to the loop's stack, and comes back in a later turn. No hook runs in a function in C or a
 * finaliser.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SLICES_H
#define PROGRAM_SLICES_H

#include <lua.h>
#include <stdbool.h>

#include "loop/watcher.h"
#include "run/task.h"
#include "script/compile.h"
#include "system/thread.h"

typedef struct program_slices {
    binding_state *state;
    binding_task *task;        /* NULL: it ended */
    mp_turns *turns;           /* the stack; NULL: there is none */
    mp_soon next;              /* begins the next slice */
    int arguments;             /* that the task begins with */
    bool cancelled;            /* its next slice ends it */
    bool closing;              /* it is ended, and its variables are being closed */
    const char *why;           /* why it must end, or NULL */
    char *text;                /* where it was then, with the reason and perhaps a traceback */
    size_t message;            /* the length of that without the traceback */
    bool raised;               /* the hook has raised an error */
    double limit;              /* milliseconds that it may take */
    double deadline, end;      /* clock, milliseconds: of all of it, and of the slice */
    program_compiler compiler; /* while it compiles, the task waits, and the slices are the compiler's */
} program_slices;

void program_init_slices(program_slices *self, binding_state *state);

/* Begins to run the task with this number of arguments, for at most this time. False: there is no stack. */
bool program_start_slices(program_slices *self, binding_task *task, int arguments, double started,
                          double limit);

/* The task's wait is over. */
void program_wake_slices(program_slices *self);

/* Ends the task for this reason, a constant; NULL: it is late. It is cancelled where it waits or can yield.
   Elsewhere it gets an error, again and again, until no code catches it. Closing its variables may take 100
   ms. */
void program_cut_slices(program_slices *self, const char *why);

/* The same for a function that the run may not call. `text` begins with its place; free releases it. */
void program_refuse_slices(program_slices *self, char *text);

/* True if the hook has raised the error on top of the coroutine. */
bool program_have_slices_raised(const program_slices *self, lua_State *co);

/* The task ended. From within its last slice. */
void program_leave_slices(program_slices *self);

/* Resets everything. A task in the middle of a slice never continues. */
void program_end_slices(program_slices *self);

/* The slices whose stack this is, or NULL: it is the loop's. */
program_slices *program_running_slices(void);

/* Those that are neither started nor ended, or NULL. */
program_slices *program_started_slices(void);

/* True if the coroutine has the hook of slices. Safe in a signal handler. */
bool program_is_sliced(lua_State *L);

/* Sets that hook: the coroutine is for code of a task in slices. */
void program_slice(lua_State *L);

/* For a compiler: true if the code in L can wait for it; and the wait, as lua_yieldk. */
bool program_can_wait(program_compiler *compiler, lua_State *L);
int program_wait_for_compiler(program_compiler *compiler, lua_State *L, lua_KFunction k);

#endif
