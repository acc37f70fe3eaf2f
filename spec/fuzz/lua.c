/*
 * A fuzzer in Lua: the file FUZZ_SCRIPT returns a function, which gets each input as a string. What it
 * raises, and what handlers raise, is a finding. The lines of Lua that run count as coverage, beside that
 * of C.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "open.h"
#include "options.h"
#include "workers/master.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 4096, LINES = 1 << 13 };

/* libFuzzer finds the section by its name. */
__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t lines[LINES];

static void on_line(lua_State *L, lua_Debug *line) {
    if (lua_getinfo(L, "S", line) && line->source[0] == '@') {
        uint32_t hash = (uint32_t)line->linedefined * 31 + (uint32_t)line->currentline;
        for (const char *at = line->source; *at; at++)
            hash = hash * 33 + (uint8_t)*at;
        uint8_t *count = &lines[hash % LINES];
        *count = (uint8_t)(*count + (*count < UINT8_MAX));
    }
}

static int describe(lua_State *L) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static void finish(lua_State *L, int status) {
    if (status == LUA_OK)
        return;
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
}

/* Leaves the function on the stack, behind `describe`. */
static lua_State *open_state(void) {
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    luaL_openlibs(L);
    luaL_requiref(L, "moonport", luaopen_moonport, 0);
    mp_loop_set_log_level(binding_find(L)->loop, MP_LOG_NONE);
    const char *code;
    program_options options = {
        .workers = 2, .grace = 100, .reload_timeout = 100, .control = "off", .code = &code};
    program_open_master(L, &options, &options); /* its modules, and moonport.program.host */
    lua_settop(L, 0);
    lua_pushcfunction(L, describe);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_pushliteral(L, FUZZ_SOURCE "/?.lua;" FUZZ_SOURCE "/scripts/?.lua");
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
    int status = luaL_loadfile(L, FUZZ_SCRIPT);
    if (status == LUA_OK)
        lua_sethook(L, on_line, LUA_MASKLINE, 0);
    finish(L, status == LUA_OK ? lua_pcall(L, 0, 1, 1) : status);
    return L;
}

static lua_State *the_state;

static void close_state(void) {
    lua_close(the_state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!the_state) {
        the_state = open_state();
        atexit(close_state);
    }
    if (size > LONGEST)
        return 0;
    lua_pushvalue(the_state, -1);
    lua_pushlstring(the_state, (const char *)data, size);
    finish(the_state, lua_pcall(the_state, 1, 0, 1));
    return 0;
}
