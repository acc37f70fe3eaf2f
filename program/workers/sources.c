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

#define MOST_PATH 65536 /* bytes */

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

/* True if there is one that the others don't have. Stack: environment */
static bool has_news(lua_State *L) {
    bool found = false;
    lua_getfield(L, 1, PROGRAM_SOURCES);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const program_text *text = program_to_text(L, -1);
        found = found || (text && program_is_whole_text(text) && !text->shared);
    }
    lua_pop(L, 1);
    return found;
}

/* environment -> descriptor or -errno. A text that the others have is left out. */
static int pack(lua_State *L) {
    int fd = has_news(L) ? mp_system_unnamed_file("moonport sources") : -ENODATA, result = 0;
    lua_getfield(L, 1, PROGRAM_SOURCES);
    for (lua_pushnil(L); fd >= 0 && result == 0 && lua_next(L, 2); lua_pop(L, 1)) {
        program_text *text = program_to_text(L, -1);
        bool whole = text && program_is_whole_text(text);
        if (!whole || !text->shared)
            result = write_one(fd, lua_tostring(L, -2), whole ? text : NULL, lua_toboolean(L, -1));
        if (whole && result == 0)
            text->shared = true;
    }
    if (result < 0)
        mp_system_close(fd);
    lua_pushinteger(L, result < 0 ? result : fd);
    return 1;
}

int program_pack_sources(lua_State *L, int environment) {
    lua_pushcfunction(L, pack);
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment);
    int result = lua_pcall(L, 1, 1, 0) == LUA_OK ? (int)lua_tointeger(L, -1) : -ENOMEM;
    lua_pop(L, 1);
    return result;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Pushes a text with these bytes. */
static void push_text(lua_State *L, int fd, size_t size, int64_t at) {
    program_text *text = program_push_text(L);
    text->bytes = malloc(size + 1);
    if (!text->bytes || mp_system_read_whole(fd, text->bytes, size, at) < 0) {
        luaL_error(L, "out of memory");
        return;
    }
    text->bytes[size] = '\0';
    text->size = text->capacity = size;
    text->shared = true;
}

/* fd, environment */
static int unpack(lua_State *L) {
    int fd = (int)lua_tointeger(L, 1);
    int64_t at = 0;
    source_head head;
    lua_getfield(L, 2, PROGRAM_SOURCES);
    while (mp_system_read_whole(fd, &head, sizeof head, at) == 0) {
        at += (int64_t)sizeof head;
        if (head.path == 0 || head.path > MOST_PATH || head.text > PROGRAM_MOST_TEXT)
            luaL_error(L, "these are no sources"); /* of a worker that somebody has taken over */
        char *path = lua_newuserdatauv(L, (size_t)head.path + 1, 0);
        if (mp_system_read_whole(fd, path, head.path, at) < 0 || memchr(path, '\0', head.path))
            luaL_error(L, "the sources are cut");
        lua_pushlstring(L, path, head.path);
        at += head.path;
        lua_pushvalue(L, -1);
        lua_rawget(L, 3);
        if (head.kind == WHOLE && !program_to_text(L, -1)) {
            lua_pushvalue(L, -2);
            push_text(L, fd, head.text, at);
            lua_rawset(L, 3);
        } else if (lua_isnil(L, -1)) {
            lua_pushvalue(L, -2);
            lua_pushboolean(L, head.kind == UNREAD);
            lua_rawset(L, 3);
        }
        at += head.text;
        lua_settop(L, 3);
    }
    return 0;
}

/* -> reference to a table with no sources */
static int new_sources(lua_State *L) {
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, PROGRAM_SOURCES);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

int program_unpack_sources(lua_State *L, int *environment, int fd) {
    int status = LUA_OK;
    if (*environment == LUA_NOREF) {
        lua_pushcfunction(L, new_sources);
        status = lua_pcall(L, 0, 1, 0);
        *environment = status == LUA_OK ? (int)lua_tointeger(L, -1) : LUA_NOREF;
        lua_pop(L, 1);
    }
    if (status == LUA_OK) {
        lua_pushcfunction(L, unpack);
        lua_pushinteger(L, fd);
        lua_rawgeti(L, LUA_REGISTRYINDEX, *environment);
        status = lua_pcall(L, 2, 0, 0);
        if (status != LUA_OK)
            lua_pop(L, 1);
    }
    mp_system_close(fd);
    return status == LUA_OK ? 0 : -ENOMEM;
}
