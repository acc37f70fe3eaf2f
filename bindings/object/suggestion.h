/*
 * For messages: the name that was probably meant by a wrong one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SUGGESTION_H
#define BINDING_SUGGESTION_H

#include <lua.h>

/* The name at `i` of a list, NULL after its end; "" is skipped. */
typedef const char *(*binding_name_list)(const void *list, int i);

/*
 * The name in `list` that `name` was most likely meant to be: it differs in letter case or underscores,
 * begins with "on", lacks an ending ("LowDelay"), or has one or two wrong letters. NULL if none is similar.
 */
const char *binding_nearest(const char *name, binding_name_list names, const void *list);

/* Pushes the part of a script's text that a message shows: all of it, or its beginning. Valid while it is
   on the stack. */
const char *binding_shown(lua_State *L, const char *text);

/* Raises for the argument at `index`: "unknown open mode 'Rad'; did you mean 'Read'?". */
int binding_raise_unknown(lua_State *L, int index, const char *what, const char *name,
                          binding_name_list names, const void *list);

/* The place in `list` of the name that the argument at `index` is. Raises if it is none of them. */
int binding_check_name(lua_State *L, int index, const char *what, binding_name_list names, const void *list);

/* A list of names in an array of pointers that ends with NULL. */
const char *binding_listed_name(const void *list, int i);

#endif
