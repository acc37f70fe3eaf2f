/*
 * The program as a store; see store.h. The rest of it is in process.lua.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>

#include "embedded.h"
#include "store/store.h"

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Upvalue: the options */
static int run(lua_State *L) {
    const program_options *options = lua_touserdata(L, lua_upvalueindex(1));
    program_push_module_named(L, program_store_modules, "moonport.program.process");
    lua_call(L, 0, 1);
    lua_newtable(L);
    set_integer(L, "channel", 0);
    set_integer(L, "socket", 3); /* the first behind the standard ones */
    set_text(L, "path", options->store);
    set_text(L, "file", options->store_file);
    lua_pushnumber(L, options->store_memory);
    lua_setfield(L, -2, "maxMemory");
    lua_call(L, 1, 0);
    return 0;
}

void program_become_store(lua_State *L, program_options *options) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushlightuserdata(L, options);
    lua_pushcclosure(L, run, 1);
    lua_setfield(L, -2, "moonport.program.store");
    lua_pop(L, 1);
    mp_log_set_source("store");
    program_run_own_code(options, "require 'moonport.program.store'");
}
