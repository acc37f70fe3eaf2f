/*
 * Copies of Lua values for another Lua state: strings, numbers, booleans, nil, and tables of them. A copy is
 * a piece of memory that belongs to no state.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WORK_COPY_H
#define BINDING_WORK_COPY_H

#include <lua.h>
#include <stddef.h>

/* All zero: empty. */
typedef struct binding_copy {
    char *data;
    size_t size, capacity;
    size_t most; /* bytes; 0: no limit */
    int count;   /* of values */
} binding_copy;

/* Appends copies of the values from `first` to the top. Raises for a value that can't be copied: "WHAT
   2.name: a function can't be copied", or if there is no memory. */
void binding_copy_put(lua_State *L, binding_copy *copy, int first, const char *what);

/* Makes it a single string; if there is no memory, it becomes empty. */
void binding_copy_set_text(binding_copy *copy, const char *text);

/* Pushes the values. Raises on lack of memory. -> their number */
int binding_copy_push(lua_State *L, const binding_copy *copy);

/* Makes it empty, and frees its memory. */
void binding_copy_clear(binding_copy *copy);

#endif
