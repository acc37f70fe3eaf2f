/*
 * Arguments that a function has no use for are a mistake, and raise: Timer(1000, fn) makes no timer that
 * calls fn. nil is none. Methods that act and take nothing (close, abort, nextPendingConnection …) let them
 * be: they may stand as a handler or as an iterator, which are called with more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SURPLUS_H
#define BINDING_SURPLUS_H

#include <lua.h>

/* Raises for the arguments behind the first `most`, if one isn't nil. */
void binding_check_surplus(lua_State *L, int most);

/* The same, cheap where there are none. */
static inline void binding_takes(lua_State *L, int most) {
    if (lua_gettop(L) > most)
        binding_check_surplus(L, most);
}

/* For a function that takes none; `hint` tells what is to be done instead. */
void binding_takes_none(lua_State *L, const char *hint);

#endif
