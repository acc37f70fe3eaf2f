/*
 * Any bytes as the sources that a worker is given, in a file. What it takes of them, it can give on, and the
 * next one has the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/environment.h"
#include "script/text.h"
#include "system/file.h"
#include "workers/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* Pushes the table of sources. */
static void push_sources(lua_State *L, int environment) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment);
    lua_getfield(L, -1, PROGRAM_SOURCES);
    lua_remove(L, -2);
}

static bool same(lua_State *L, int a, int b) {
    const program_text *text = program_to_text(L, a), *other = program_to_text(L, b);
    if (!text || !other)
        return lua_rawequal(L, a, b);
    return text->size == other->size && memcmp(text->bytes, other->bytes, text->size) == 0;
}

/* All sources of the first are in the second. */
static void compare(lua_State *L, int first, int second) {
    push_sources(L, first);
    push_sources(L, second);
    for (lua_pushnil(L); lua_next(L, 1); lua_settop(L, 3)) {
        lua_pushvalue(L, 3);
        lua_rawget(L, 2);
        REQUIRE(same(L, 4, 5));
    }
    lua_settop(L, 0);
}

/* As if this process had read them itself. */
static bool own_all(lua_State *L, int environment) {
    bool any = false;
    push_sources(L, environment);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        program_text *text = program_to_text(L, -1);
        if (text)
            text->shared = false;
        any = any || text;
    }
    lua_settop(L, 0);
    return any;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int first = LUA_NOREF, second = LUA_NOREF, fd = mp_system_unnamed_file("fuzz");
    lua_State *L = luaL_newstate();
    REQUIRE(L && fd >= 0 && mp_system_add_to_file(fd, (const char *)data, size) == 0);
    (void)program_unpack_sources(L, &first, fd); /* closes it */
    REQUIRE(first != LUA_NOREF);
    lua_gc(L, LUA_GCCOLLECT);
    bool any = own_all(L, first);
    fd = program_pack_sources(L, first);
    REQUIRE((fd >= 0) == any);
    if (any) {
        REQUIRE(program_unpack_sources(L, &second, fd) == 0);
        compare(L, first, second);
        REQUIRE(program_pack_sources(L, second) < 0); /* all are shared */
    }
    lua_close(L);
    return 0;
}
