/*
 * Reads and compiles a long text beside a version that serves: one slice in each turn of the loop, so that
 * even a script of many megabytes doesn't stop the service.
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

#include "script/text.h"
#include "system/thread.h"

typedef struct program_compiler program_compiler;

struct program_compiler {
    /* True if the caller can wait for it. */
    bool (*can_wait)(program_compiler *compiler, lua_State *L);
    /* Has it wait, as lua_yieldk does. */
    int (*wait)(program_compiler *compiler, lua_State *L, lua_KFunction k);
    mp_turns *turns; /* NULL: nothing is being compiled */
    bool inside;     /* it is the compiler's turn */
    bool given_up;
    lua_State *L;  /* whose stack has the text, its name and then the outcome; NULL: there is none */
    int reference; /* of L in the registry */
    program_text *text;
    int error; /* of reading it, -errno; or 0 */
    int status;
    double until; /* clock, milliseconds: when the slice ends */
    const char *rest;
    size_t left; /* bytes of it */
};

/* Reads the rest of the text on top, and compiles it in place: pushes the function, or a message and returns
   false. `mode` as for lua_load. May raise on lack of memory. */
bool program_compile_text(lua_State *L, const char *path, const char *mode);

/* Begins to do that in slices; it must not be compiling. -> false: it can't, or the text is short; the stack
   is as before. May raise on lack of memory. */
bool program_begin_compiling(program_compiler *compiler, lua_State *L, const char *path);

/* Continues for this long. -> whether there is more to do. From the loop. */
bool program_go_on_compiling(program_compiler *compiler, double msec);

/* After it ends: pushes the text, and the function, or a message and returns false. May raise on lack of
   memory. */
bool program_end_compiling(program_compiler *compiler, lua_State *L);

/* Forgets what is being compiled or waits to be fetched, if anything. */
void program_give_up_compiling(program_compiler *self);

#endif
