/*
 * The environment of a run; see environment.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/environment.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "run/bytecode.h"
#include "script/globals.h"
#include "script/lua_file.h"
#include "script/require.h"
#include "script/search.h"
#include "system/file.h"

/* --- functions of the run's own ------------------------------------------------------------------------- */

/* Upvalues: the original, the globals, the number of arguments before the environment. */
static int load_with_globals(lua_State *L) {
    int before = (int)lua_tointeger(L, lua_upvalueindex(3));
    if (lua_gettop(L) <= before) {
        lua_settop(L, before);
        lua_pushvalue(L, lua_upvalueindex(2));
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int all_results(lua_State *L, int status, lua_KContext context) {
    (void)status;
    return lua_gettop(L) - (int)context;
}

/* Upvalue: the globals. */
static int do_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    const char *mode = binding_chunk_mode(L, NULL);
    if (path ? !program_load_file(L, path, mode, true) : luaL_loadfilex(L, NULL, mode) != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setupvalue(L, 2, 1);
    lua_callk(L, 0, LUA_MULTRET, 1, all_results);
    return all_results(L, LUA_OK, 1);
}

/* --- the environment ------------------------------------------------------------------------------------ */

static void copy_fields(lua_State *L, int from, int to) {
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

static void own_function(lua_State *L, int globals, const char *name, int before) {
    lua_getfield(L, globals, name);
    lua_pushvalue(L, globals);
    lua_pushinteger(L, before);
    lua_pushcclosure(L, load_with_globals, 3);
    lua_setfield(L, globals, name);
}

/* Puts a folder in front of package.path and package.cpath of the table at `package`. */
static void search_beside(lua_State *L, int package, const char *folder) {
    if (!folder || !program_fits_template(folder))
        return; /* search.c looks there anyway */
    lua_getfield(L, package, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, lua_tostring(L, -1));
    lua_setfield(L, package, "path");
    lua_getfield(L, package, "cpath");
    lua_pushfstring(L, "%s/?.so;%s", folder, lua_tostring(L, -1));
    lua_setfield(L, package, "cpath");
    lua_pop(L, 2);
}

/* The folder of a path, as require wants it; pushed. */
static const char *push_folder(lua_State *L, const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return lua_pushlstring(L, slash ? path : ".", slash ? (size_t)(slash - path) : 1);
}

static void push_package(lua_State *L, const char *folder, const char *target) {
    lua_createtable(L, 0, 8);
    int package = lua_gettop(L);
    lua_getglobal(L, "package");
    copy_fields(L, package + 1, package);
    search_beside(L, package, target);
    search_beside(L, package, folder);
    lua_newtable(L);
    lua_getfield(L, package + 1, "preload");
    copy_fields(L, lua_gettop(L), lua_gettop(L) - 1);
    lua_pop(L, 1);
    lua_setfield(L, package, "preload");
    lua_settop(L, package);
}

/* On top is a run's package.loaded: has it also show the installed modules, which all runs share. */
static void show_shared(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void program_push_environment(lua_State *L, const program_options *options, int module) {
    lua_createtable(L, 0, 8);
    int environment = lua_gettop(L);
    char *target = options->script && mp_system_is_link(options->script)
                       ? mp_system_real_path(options->script)
                       : NULL;
    lua_pushnil(L);
    if (target) {
        /* Modules beside a link come first, then those beside its target. */
        lua_pop(L, 1);
        push_folder(L, target);
        free(target);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_TARGET_FOLDER);
    push_folder(L, options->script);
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_FOLDER);
    push_package(L, lua_tostring(L, -1), lua_tostring(L, -2));
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_PACKAGE);
    int package = lua_gettop(L);
    lua_newtable(L);
    lua_setfield(L, environment, PROGRAM_SOURCES);
    lua_newtable(L);
    lua_pushvalue(L, module);
    lua_setfield(L, -2, "moonport");
    lua_pushvalue(L, package);
    lua_setfield(L, -2, "package");
    show_shared(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, package, "loaded");
    lua_setfield(L, environment, PROGRAM_LOADED);
    lua_getfield(L, LUA_REGISTRYINDEX, PROGRAM_STANDARD);
    lua_setfield(L, environment, PROGRAM_STANDARD);
    lua_getglobal(L, "require");
    lua_setfield(L, environment, PROGRAM_REQUIRE);

    program_push_globals(L);
    int globals = lua_gettop(L);
    lua_pushvalue(L, globals);
    lua_setfield(L, globals, "_G");
    lua_getfield(L, environment, PROGRAM_LOADED);
    lua_pushvalue(L, globals);
    lua_setfield(L, -2, "_G");
    lua_pop(L, 1);
    lua_pushvalue(L, package);
    lua_setfield(L, globals, "package");
    lua_pushvalue(L, environment);
    lua_pushcclosure(L, program_require, 1);
    lua_setfield(L, globals, "require");
    own_function(L, globals, "load", 3);
    own_function(L, globals, "loadfile", 2);
    lua_pushvalue(L, globals);
    lua_pushcclosure(L, do_file, 1);
    lua_setfield(L, globals, "dofile");
    lua_setfield(L, environment, PROGRAM_GLOBALS);
    lua_settop(L, environment);
}

void program_keep_standard(lua_State *L) {
    lua_newtable(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    copy_fields(L, lua_gettop(L), lua_gettop(L) - 1);
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, PROGRAM_STANDARD);
}

/* environment -> reference */
static int refer_to_sources(lua_State *L) {
    lua_newtable(L);
    lua_getfield(L, 1, PROGRAM_SOURCES);
    lua_setfield(L, -2, PROGRAM_SOURCES);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

int program_refer_to_sources(lua_State *L, int environment) {
    lua_pushcfunction(L, refer_to_sources);
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment);
    int reference = lua_pcall(L, 1, 1, 0) == LUA_OK ? (int)lua_tointeger(L, -1) : LUA_NOREF;
    lua_pop(L, 1);
    return reference;
}
