/*
 * Surplus arguments; see surplus.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/surplus.h"

#include <lauxlib.h>

/* The index of the first argument after `most` that isn't nil, or 0. */
static int surplus(lua_State *L, int most) {
    int top = lua_gettop(L);
    for (int i = most + 1; i <= top; i++)
        if (!lua_isnil(L, i))
            return i;
    return 0;
}

void binding_check_surplus(lua_State *L, int most) {
    int index = surplus(L, most);
    if (index > 0)
        luaL_argerror(L, index, "one too many");
}

void binding_takes_none(lua_State *L, const char *hint) {
    int index = surplus(L, 0);
    if (index > 0)
        luaL_argerror(L, index, lua_pushfstring(L, "it takes none: %s", hint));
}
