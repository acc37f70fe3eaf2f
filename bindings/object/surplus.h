/*
 * Surplus arguments are a mistake, and raise: Timer(1000, fn) makes no timer that calls fn. nil doesn't
 * count. Methods that act and take no arguments (close, abort, nextPendingConnection …) ignore surplus ones,
 * so that they can be handlers or iterators, which get arguments.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SURPLUS_H
#define BINDING_SURPLUS_H

#include <lua.h>

/* Raises for arguments after the first `most`, unless all are nil. */
void binding_check_surplus(lua_State *L, int most);

/* The same, cheap if there are none. */
static inline void binding_takes(lua_State *L, int most) {
    if (lua_gettop(L) > most)
        binding_check_surplus(L, most);
}

/* For a function that takes no arguments; `hint` says what to do instead. */
void binding_takes_none(lua_State *L, const char *hint);

#endif
