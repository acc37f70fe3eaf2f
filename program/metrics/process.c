/*
 * The program as the process that serves metrics; see metrics.h. The rest of it is in process.lua and the
 * files beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>
#include <string.h>

#include "embedded.h"
#include "metrics/metrics.h"

static int load_module(lua_State *L) {
    program_push_module(L, lua_touserdata(L, lua_upvalueindex(1)));
    lua_call(L, 0, 1);
    return 1;
}

/* The page is no Lua. */
static int load_page(lua_State *L) {
    const program_module *page = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushlstring(L, (const char *)page->text, page->size);
    return 1;
}

static void preload(lua_State *L, const program_module *list, const char *only) {
    for (const program_module *it = list; it->name; it++) {
        if (only && strcmp(it->name, only) != 0)
            continue;
        bool is_page = strstr(it->chunk_name, ".html") != NULL;
        lua_pushlightuserdata(L, (void *)(uintptr_t)it);
        lua_pushcclosure(L, is_page ? load_page : load_module, 1);
        lua_setfield(L, -2, it->name);
    }
}

void program_become_metrics(lua_State *L, program_options *options) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    preload(L, program_ctl_modules, "ctl.json");
    preload(L, program_ctl_modules, "ctl.request");
    preload(L, program_metrics_modules, NULL);
    preload(L, program_workers_modules, "moonport.program.sums");
    lua_pop(L, 1);
    mp_log_set_source("metrics");
    /* The channel is its standard input, and the listening socket the first descriptor behind the standard
       ones. */
    program_run_own_code(options, "require 'moonport.program.process'(0, 3)");
}
