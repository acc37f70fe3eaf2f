/*
 * The program's own modules; see embedded.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "embedded.h"

#include <lauxlib.h>
#include <string.h>

void program_push_module(lua_State *L, const program_module *module) {
    if (luaL_loadbufferx(L, (const char *)module->text, module->size, module->chunk_name, "t") != LUA_OK)
        lua_error(L);
}

void program_push_module_named(lua_State *L, const program_module *list, const char *name) {
    while (list->name && strcmp(list->name, name) != 0)
        list++;
    if (!list->name)
        luaL_error(L, "no module %s", name);
    program_push_module(L, list);
}
