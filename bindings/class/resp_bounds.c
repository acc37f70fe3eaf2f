/*
 * The options of moonport.resp's readers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/resp.h"

#include <lauxlib.h>
#include <string.h>

static int index_of(const binding_bound *bounds, const char *name) {
    int i = 0;
    while (bounds[i].name && strcmp(bounds[i].name, name) != 0)
        i++;
    return i;
}

void binding_read_bounds(lua_State *L, const binding_bound *bounds, lua_Integer *values) {
    for (int i = 0; bounds[i].name; i++)
        values[i] = bounds[i].otherwise;
    if (lua_isnoneornil(L, 1))
        return;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        int is_integer, i = index_of(bounds, name);
        if (!bounds[i].name)
            luaL_error(L, "there is no option %s", name);
        values[i] = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || values[i] < 1 || values[i] > bounds[i].most)
            luaL_error(L, "the option %s is not a whole number from 1 to %I", name, bounds[i].most);
    }
}
