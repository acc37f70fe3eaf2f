/*
 * Stacks of Lua functions as text, "chat.lua:96 readyRead;chat.lua:40 broadcast", with their number. Those
 * that differ are bounded; more of them count as one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_STACKS_H
#define PROGRAM_STACKS_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#define PROGRAM_STACKS 4096 /* places: three quarters are used at most */

typedef struct program_stack {
    uint64_t hash;
    unsigned count; /* 0: this place is free */
    char *text;
} program_stack;

typedef struct program_stacks {
    program_stack *places; /* NULL: none */
    unsigned used;
    unsigned others; /* for which there was no place */
} program_stacks;

/* False: no memory. */
bool program_open_stacks(program_stacks *self);
void program_free_stacks(program_stacks *self);

/* Counts the stack that L has now, in one of its hooks; `root` is the name of its outermost function, or
   NULL. */
void program_add_stack(program_stacks *self, lua_State *L, const char *root, unsigned count);

/* Counts a text. */
void program_add_stack_text(program_stacks *self, const char *text, unsigned count);

#endif
