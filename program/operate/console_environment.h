/*
 * What the entries of a console see: the globals of the code that serves, locals of earlier entries, and a
 * print that answers the visitor.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CONSOLE_ENVIRONMENT_H
#define PROGRAM_CONSOLE_ENVIRONMENT_H

#include "loop/timer.h"
#include "operate/visitor.h"
#include "run/task.h"

/* A visitor's console. */
typedef struct program_entry {
    program_visitor *visitor;
    binding_task *task;            /* of the entry that runs, or NULL */
    int environment;               /* of its entries: registry reference */
    struct program_entry **holder; /* in the environment's `print`, which may live longer */
    mp_delay over;                 /* the entry's time */
    mp_soon next;                  /* its next slice */
    double slice_end, deadline;    /* mp_loop_now */
    bool late;
    bool told; /* the answer has its error */
} program_entry;

/* entry -> reference to its new environment; raises without memory. A lua_CFunction. */
int program_make_console_environment(lua_State *L);

/* complete SIZE: an object with `name` for each name that the text, "moonport.sl", may become. */
void program_complete(program_visitor *visitor, program_entry *entry);

#endif
