/*
 * The program's own modules; see embedded.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "embedded.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

static void push_module(lua_State *L, const program_module *module) {
    if (luaL_loadbufferx(L, (const char *)module->text, module->size, module->chunk_name, "t") != LUA_OK)
        lua_error(L);
}

void program_push_module_named(lua_State *L, const program_module *list, const char *name) {
    while (list->name && strcmp(list->name, name) != 0)
        list++;
    if (!list->name)
        luaL_error(L, "no module %s", name);
    push_module(L, list);
}

/* Upvalue: the module */
static int load_module(lua_State *L) {
    push_module(L, lua_touserdata(L, lua_upvalueindex(1)));
    lua_call(L, 0, 1);
    return 1;
}

/* A page is no Lua: its value is its text. */
static int load_page(lua_State *L) {
    const program_module *page = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushlstring(L, (const char *)page->text, page->size);
    return 1;
}

void program_preload_modules(lua_State *L, const program_module *list, const char *only) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (const program_module *it = list; it->name; it++) {
        if (only && strcmp(it->name, only) != 0)
            continue;
        lua_pushlightuserdata(L, (void *)(uintptr_t)it);
        lua_pushcclosure(L, strstr(it->chunk_name, ".html") ? load_page : load_module, 1);
        lua_setfield(L, -2, it->name);
    }
    lua_pop(L, 1);
}
