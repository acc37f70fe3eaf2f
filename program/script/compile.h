/*
 * Compiling a long text beside a version that serves: a slice a turn of the loop, so that not even a script of
 * many megabytes holds the service up.
 *
 * Lua can't leave its compiler but for the function that it reads the text with. So it runs on a stack of its
 * own, and that function changes over to the loop's when a slice is over. Nothing runs at the same time; the
 * text needn't be compiled for another Lua state and carried over, which takes a tenth of the time, in one
 * piece.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_COMPILE_H
#define PROGRAM_COMPILE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "system/thread.h"

typedef struct program_compiler program_compiler;

struct program_compiler {
    /* Can the caller wait for it? */
    bool (*can_wait)(program_compiler *compiler, lua_State *L);
    /* It does, as lua_yieldk. */
    int (*wait)(program_compiler *compiler, lua_State *L, lua_KFunction k);
    mp_turns *turns; /* NULL: nothing is being compiled */
    bool inside;     /* it is the compiler's turn */
    bool given_up;
    lua_State *L;  /* whose stack has the text, its name and then the outcome; NULL: there is none */
    int reference; /* of L in the registry */
    int status;
    double until; /* clock, milliseconds: when the slice ends */
    const char *rest;
    size_t left; /* bytes of it */
};

/* Begins to compile `length` bytes of the string on top, from `start` on, by this name. It compiles nothing
   else. -> false: it can't. The stack is as before. May raise on lack of memory. */
bool program_begin_compiling(program_compiler *compiler, lua_State *L, const char *start, size_t length,
                             const char *name);

/* Compiles for so long. -> whether there is more to do. From the loop. */
bool program_go_on_compiling(program_compiler *compiler, double msec);

/* It has ended: pushes the function, or a message and returns false. */
bool program_end_compiling(program_compiler *compiler, lua_State *L);

/* Forgets what is being compiled or waits to be fetched, if anything. */
void program_give_up_compiling(program_compiler *compiler);

#endif
