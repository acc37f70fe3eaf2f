/*
 * Names that somebody may have meant who wrote another: for messages.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SUGGESTION_H
#define BINDING_SUGGESTION_H

#include <lua.h>

/* The name at `i` of a list, NULL behind its end; "" is none. */
typedef const char *(*binding_name_list)(const void *list, int i);

/*
 * The name in `list` that `name` most likely stands for: it differs in letter case or underscores, begins
 * with "on", lacks an ending ("LowDelay"), or has a letter or two wrong. NULL if there is none like it.
 */
const char *binding_nearest(const char *name, binding_name_list names, const void *list);

/* Pushes what a message shows of a text that somebody has given: all of it, or its beginning. Valid while it
   is on the stack. */
const char *binding_shown(lua_State *L, const char *text);

/* Raises for the argument at `index`: "unknown open mode 'Rad'; did you mean 'Read'?". */
int binding_raise_unknown(lua_State *L, int index, const char *what, const char *name,
                          binding_name_list names, const void *list);

/* A list of names that is an array of pointers with NULL at its end. */
const char *binding_listed_name(const void *list, int i);

#endif
