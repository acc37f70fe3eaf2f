/*
 * Where modules are; see search.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/search.h"

#include <lauxlib.h>
#include <string.h>

#include "script/environment.h"
#include "system/file.h"

static const char *const folders[] = {PROGRAM_FOLDER, PROGRAM_TARGET_FOLDER};

/* Lua's own C modules end so, wherever Lua does. */
static const char *const lua_ends[] = {".lua", "/init.lua"}, *const c_ends[] = {".so"};

static bool is_below(const char *folder, const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return folder && strncmp(path, folder, length) == 0 && path[length] == '/';
}

bool program_is_own(lua_State *L, int environment, const char *path) {
    bool own = false;
    for (int i = 0; i < 2 && !own; i++) {
        lua_getfield(L, environment, folders[i]);
        own = is_below(lua_tostring(L, -1), path);
        lua_pop(L, 1);
    }
    return own;
}

bool program_fits_template(const char *folder) {
    return strpbrk(folder, LUA_PATH_SEP LUA_PATH_MARK) == NULL;
}

/* True if there is anything but a folder. Opening it fails if it can't be read, with a message. */
static bool exists(const char *path) {
    mp_file_status status;
    return mp_system_file_status(path, &status) == 0 && !status.is_folder;
}

/* Takes the name on top, with slashes for its dots, and pushes the file with it in a folder that no template
   can name; or pushes nothing and returns false. */
static bool find_beside(lua_State *L, int environment, const char *const ends[], int count) {
    int name = lua_gettop(L);
    for (int i = 0; i < 2; i++) {
        lua_getfield(L, environment, folders[i]);
        const char *folder = lua_tostring(L, -1);
        for (int k = 0; folder && !program_fits_template(folder) && k < count; k++) {
            if (exists(lua_pushfstring(L, "%s/%s%s", folder, lua_tostring(L, name), ends[k]))) {
                lua_replace(L, name);
                lua_settop(L, name);
                return true;
            }
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

/* The same by the templates of a path, which is below the name. Lua's package.searchpath would open what it
   finds, and wait for ever for a pipe. */
static bool find_by_templates(lua_State *L) {
    int name = lua_gettop(L);
    for (const char *at = lua_tostring(L, name - 1), *end; *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, LUA_PATH_SEP);
        lua_pushlstring(L, at, (size_t)(end - at));
        const char *path = luaL_gsub(L, lua_tostring(L, -1), LUA_PATH_MARK, lua_tostring(L, name));
        if (end > at && exists(path)) {
            lua_replace(L, name);
            lua_settop(L, name);
            return true;
        }
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return false;
}

bool program_push_module_path(lua_State *L, int environment) {
    int name = lua_gettop(L);
    environment = lua_absindex(L, environment);
    luaL_gsub(L, lua_tostring(L, name), ".", LUA_DIRSEP);
    lua_getfield(L, environment, PROGRAM_PACKAGE);
    lua_getfield(L, -1, "path");
    if (!lua_isstring(L, -1))
        luaL_error(L, "'package.path' must be a string");
    lua_pushvalue(L, name + 1);
    bool own = find_beside(L, environment, lua_ends, 2);
    if (!own) {
        lua_pushvalue(L, name + 1);
        own = find_by_templates(L) && program_is_own(L, environment, lua_tostring(L, -1));
    }
    if (!own)
        lua_pushnil(L);
    lua_replace(L, name);
    lua_settop(L, name);
    return own;
}

bool program_push_module_in(lua_State *L, const char *name) {
    luaL_gsub(L, name, ".", LUA_DIRSEP);
    return find_by_templates(L);
}

bool program_push_c_module_path(lua_State *L, int environment, const char *name) {
    luaL_gsub(L, name, ".", LUA_DIRSEP);
    return find_beside(L, environment, c_ends, 1);
}
