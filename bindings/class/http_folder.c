/*
 * moonport.http.head's `open`: a file of a folder, for moonport.http.files.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#include "class/http_head.h"
#include "system/folder.h"

static int close_file(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

static int status_of(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG: return 404;
    case EACCES:
    case EPERM: return 403;
    case EMFILE:
    case ENFILE: return 503;
    default: return 500;
    }
}

/*
 * head.open(folder, path) -> file of io, size, nanoseconds of its last change, number | false: it is a folder
 * | nil, HTTP status, why
 */
static int head_open(lua_State *L) {
    size_t size;
    const char *root = luaL_checkstring(L, 1), *path = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, strlen(path) == size, 2, "it has a zero byte");
    luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    stream->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    mp_folder_file file;
    int result = mp_folder_open(root, path, &file);
    if (result < 0) {
        lua_pushnil(L);
        lua_pushinteger(L, status_of(-result));
        lua_pushstring(L, strerror(-result));
        return 3;
    }
    if (!file.stream) {
        lua_pushboolean(L, 0);
        return 1;
    }
    stream->f = file.stream;
    stream->closef = close_file;
    lua_pushinteger(L, file.size);
    lua_pushinteger(L, file.modified);
    lua_pushinteger(L, (lua_Integer)file.number);
    return 4;
}

/* head.look(folder, path) -> size, nanoseconds of its last change, number | nil: no file that must be
   seen */
static int head_look(lua_State *L) {
    const char *root = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    mp_folder_file file;
    if (mp_folder_look(root, path, &file) < 0)
        return 0;
    lua_pushinteger(L, file.size);
    lua_pushinteger(L, file.modified);
    lua_pushinteger(L, (lua_Integer)file.number);
    return 3;
}

void binding_open_http_folder(lua_State *L) {
    lua_pushcfunction(L, head_look);
    lua_setfield(L, -2, "look");
    lua_pushcfunction(L, head_open);
    lua_setfield(L, -2, "open");
}
