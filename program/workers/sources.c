/*
 * Sources as a file; see sources.h. For each there is a head, the path, and the text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/sources.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script/environment.h"
#include "script/text.h"
#include "system/file.h"
#include "system/system.h"

typedef struct source_head {
    uint32_t path, text; /* bytes */
    enum { WHOLE, MISSING, UNREAD } kind;
} source_head;

/* Reads or writes only for this process' workers, which are the same program. */
static int write_one(int fd, const char *path, const program_text *text, bool unread) {
    source_head head = {.path = (uint32_t)strlen(path), .kind = unread ? UNREAD : MISSING};
    if (text) {
        head.text = (uint32_t)text->size;
        head.kind = WHOLE;
    }
    int result = mp_system_add_to_file(fd, (const char *)&head, sizeof head);
    if (result == 0)
        result = mp_system_add_to_file(fd, path, head.path);
    if (result == 0 && head.text > 0)
        result = mp_system_add_to_file(fd, text->bytes, head.text);
    return result;
}

/* environment, fd -> 0 or -errno, number of texts; fd -1: only counts */
static int pack(lua_State *L) {
    int fd = (int)lua_tointeger(L, 2), result = 0;
    lua_Integer texts = 0;
    lua_getfield(L, 1, PROGRAM_SOURCES);
    for (lua_pushnil(L); result == 0 && lua_next(L, 3); lua_pop(L, 1)) {
        const program_text *text = program_to_text(L, -1);
        bool whole = text && program_is_whole_text(text);
        texts += whole;
        if (fd >= 0)
            result = write_one(fd, lua_tostring(L, -2), whole ? text : NULL, lua_toboolean(L, -1));
    }
    lua_pushinteger(L, result);
    lua_pushinteger(L, texts);
    return 2;
}

/* -> 0 or -errno */
static int call_pack(lua_State *L, int environment, int fd, unsigned *texts) {
    int result = -ENOMEM;
    *texts = 0;
    lua_pushcfunction(L, pack);
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment);
    lua_pushinteger(L, fd);
    if (lua_istable(L, -2) && lua_pcall(L, 2, 2, 0) == LUA_OK) {
        result = (int)lua_tointeger(L, -2);
        *texts = (unsigned)lua_tointeger(L, -1);
        lua_pop(L, 2);
    } else {
        lua_settop(L, lua_gettop(L) - (lua_isfunction(L, -3) ? 3 : 1));
    }
    return result;
}

int program_pack_sources(lua_State *L, int environment, unsigned *texts) {
    int fd = mp_system_unnamed_file("moonport sources");
    int result = fd < 0 ? fd : call_pack(L, environment, fd, texts);
    if (result < 0 && fd >= 0)
        mp_system_close(fd);
    return result < 0 ? result : fd;
}

unsigned program_count_texts(lua_State *L, int environment) {
    unsigned texts;
    (void)call_pack(L, environment, -1, &texts);
    return texts;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Pushes a text with these bytes. */
static void push_text(lua_State *L, int fd, size_t size, int64_t at) {
    program_text *text = program_push_text(L);
    text->bytes = malloc(size + 1);
    if (!text->bytes || mp_system_read_whole(fd, text->bytes, size, at) < 0)
        luaL_error(L, "out of memory");
    text->bytes[size] = '\0';
    text->size = text->capacity = size;
}

/* fd -> table, reference */
static int unpack(lua_State *L) {
    int fd = (int)lua_tointeger(L, 1);
    int64_t at = 0;
    source_head head;
    char *path;
    lua_newtable(L);
    lua_newtable(L);
    while (mp_system_read_whole(fd, &head, sizeof head, at) == 0) {
        at += (int64_t)sizeof head;
        path = lua_newuserdatauv(L, head.path + 1, 0);
        if (mp_system_read_whole(fd, path, head.path, at) < 0)
            luaL_error(L, "the sources are cut");
        lua_pushlstring(L, path, head.path);
        at += head.path;
        if (head.kind == WHOLE)
            push_text(L, fd, head.text, at);
        else
            lua_pushboolean(L, head.kind == UNREAD);
        at += head.text;
        lua_rawset(L, 3);
        lua_pop(L, 1);
    }
    lua_setfield(L, 2, PROGRAM_SOURCES);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

int program_unpack_sources(lua_State *L, int fd) {
    int reference = LUA_NOREF;
    lua_pushcfunction(L, unpack);
    lua_pushinteger(L, fd);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        reference = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    mp_system_close(fd);
    return reference;
}
