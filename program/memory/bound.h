/*
 * --max-memory: a bound of what Lua allocates. Over it, and after a collection, an allocation fails, and with
 * it the handler that wanted it. For a moment, while a string is built or a table grows, it may be half as
 * much again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_BOUND_H
#define PROGRAM_BOUND_H

#include <lua.h>
#include <stdbool.h>

/* From now on the Lua state has at most so many bytes. Its allocator must be the last one. */
void program_bound_memory(lua_State *L, double bytes);

/* A handler has failed with this message, at this time (milliseconds). True once: it was for want of memory,
   as several others a short time ago. */
bool program_is_short_of_memory(const char *message, double now);

#endif
