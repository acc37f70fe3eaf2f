/*
 * Loading the modules of lua/moonport.
 *
 * SPDX-License-Identifier: MIT
 */
#include "library.h"

#include <lauxlib.h>
#include <string.h>

#include "class/http_head.h"
#include "class/keyspace.h"
#include "class/resp.h"
#include "class/websocket.h"
#include "lasting.h"

/* Modules in C that those in Lua use. */
static const luaL_Reg in_c[] = {
    {"moonport.http.head", luaopen_moonport_http_head},
    {"moonport.lasting", luaopen_moonport_lasting},
    {"moonport.resp", luaopen_moonport_resp},
    {"moonport.store.keyspace", luaopen_moonport_store_keyspace},
    {"moonport.store.sync", luaopen_moonport_store_sync},
    {"moonport.websocket.frames", luaopen_moonport_websocket_frames},
    {NULL, NULL},
};

static void push_chunk(lua_State *L, const binding_library_module *module) {
    if (luaL_loadbuffer(L, (const char *)module->text, module->length, module->chunk_name) != LUA_OK)
        lua_error(L);
}

void binding_preload_library(lua_State *L, const binding_library_module *modules) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (const binding_library_module *module = modules; module->name; module++) {
        lua_pushcfunction(L, module->open);
        lua_setfield(L, -2, module->name);
    }
    luaL_setfuncs(L, in_c, 0);
    lua_pop(L, 1);
}

bool binding_push_library(lua_State *L, const binding_library_module *modules, const char *name) {
    const binding_library_module *module = modules;
    while (module->name && strcmp(module->name, name) != 0)
        module++;
    if (module->name)
        push_chunk(L, module);
    return module->name != NULL;
}

int binding_open_library(lua_State *L, const binding_library_module *module) {
    lua_settop(L, 2);
    push_chunk(L, module);
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}
