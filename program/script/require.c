/*
 * `require` of a run; see require.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/require.h"

#include <lauxlib.h>

#include "library.h"
#include "script/c_module.h"
#include "script/environment.h"
#include "script/globals.h"
#include "script/search.h"
#include "script/source.h"

/* Stack: name, path, environment, loaded. The module's chunk has run. */
static int module_loaded(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 5);
    if (lua_isnil(L, 5)) {
        lua_pushvalue(L, 1);
        if (lua_rawget(L, 4) == LUA_TNIL)
            lua_pushboolean(L, 1);
        lua_replace(L, 5);
        lua_settop(L, 5);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 5);
    lua_rawset(L, 4);
    lua_pushvalue(L, 5);
    lua_pushvalue(L, 2);
    return 2;
}

/* Stack: name, path, environment, loaded, the module's chunk. */
static int run_module(lua_State *L) {
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_callk(L, 2, 1, 0, module_loaded);
    return module_loaded(L, LUA_OK, 0);
}

/* Pushes a path of the run's package table without what search_beside has put there: what is below the
   script's folder is the run's own, also when an installed module asks for something of that name. */
static void push_shared_path(lua_State *L, int package, const char *name) {
    static const char *const folders[] = {PROGRAM_FOLDER, PROGRAM_TARGET_FOLDER};
    lua_getfield(L, package, name);
    for (int i = 0; i < 2 && lua_type(L, -1) == LUA_TSTRING; i++) {
        lua_getfield(L, lua_upvalueindex(1), folders[i]);
        const char *folder = lua_tostring(L, -1);
        if (folder) {
            const char *beside = lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", folder, folder);
            luaL_gsub(L, lua_tostring(L, -3), beside, "");
            lua_replace(L, -4);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

/* The installed ones, by Lua's own require. It looks where the state's package table says; for this time that
   is where the script's own says. Upvalues of program_require. */
static int require_shared(lua_State *L) {
    static const char *const names[] = {"path", "cpath"};
    lua_settop(L, 4);
    lua_getglobal(L, "package");
    lua_getfield(L, lua_upvalueindex(1), PROGRAM_PACKAGE);
    for (int i = 0; i < 2; i++)
        lua_getfield(L, 5, names[i]);
    for (int i = 0; i < 2; i++)
        push_shared_path(L, 6, names[i]);
    lua_setfield(L, 5, names[1]);
    lua_setfield(L, 5, names[0]);
    lua_getfield(L, lua_upvalueindex(1), PROGRAM_REQUIRE);
    lua_pushvalue(L, 1);
    program_lend_descriptor(); /* its searchers open what they find */
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    program_hold_descriptor();
    for (int i = 0; i < 2; i++) {
        lua_pushvalue(L, 7 + i);
        lua_setfield(L, 5, names[i]);
    }
    if (status != LUA_OK)
        return lua_error(L);
    program_collect_globals(L);
    program_watch_c_modules(L, lua_upvalueindex(1));
    return lua_gettop(L) - 8;
}

/* A C module beside the script, where package.cpath can't name that folder: shared as all of its kind. Stack
   as program_require's. */
static bool require_beside(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    int loaded = lua_gettop(L);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, loaded) != LUA_TNIL || !program_push_c_module_path(L, 3, lua_tostring(L, 1))) {
        lua_settop(L, loaded - 1);
        return false;
    }
    lua_replace(L, 2);
    program_load_c_module(L, lua_tostring(L, 1), lua_tostring(L, 2));
    lua_pushvalue(L, 1);
    lua_insert(L, -2);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) {
        lua_pushvalue(L, 1);
        if (lua_rawget(L, loaded) == LUA_TNIL)
            lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, loaded);
    lua_pushvalue(L, 2);
    program_watch_c_modules(L, 3);
    return true;
}

/* Pushes what the run itself has put into package.preload for the name, or something else and false. Stack as
   program_require's. */
static bool push_preloaded(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    lua_getfield(L, 3, PROGRAM_PACKAGE);
    if (lua_getfield(L, -1, "preload") != LUA_TTABLE)
        return false;
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) == LUA_TNIL || lua_rawequal(L, -1, -4))
        return false;
    lua_replace(L, 5);
    lua_settop(L, 5);
    return true;
}

/* Notes where a module of the script's folder would stand, at index 1 its name: it may come to be there. */
static void note_missing(lua_State *L, int environment) {
    static const char *const ends[] = {".lua", "/init.lua"};
    int top = lua_gettop(L);
    lua_getfield(L, environment, PROGRAM_SOURCES);
    lua_getfield(L, environment, PROGRAM_FOLDER);
    luaL_gsub(L, lua_tostring(L, 1), ".", "/");
    for (int i = 0; i < 2; i++) {
        lua_pushfstring(L, "%s/%s%s", lua_tostring(L, top + 2), lua_tostring(L, top + 3), ends[i]);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, top + 1) == LUA_TNIL) {
            lua_pushvalue(L, -2);
            lua_pushboolean(L, 0);
            lua_rawset(L, top + 1);
        }
        lua_settop(L, top + 3);
    }
    lua_settop(L, top);
}

/* Stack: name, path, environment, loaded, the module's chunk or what is wrong with it. */
static int run_compiled(lua_State *L, bool compiled) {
    if (!compiled)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", lua_tostring(L, 1),
                          lua_tostring(L, 2), lua_tostring(L, -1));
    return run_module(L);
}

/* Stack as program_require's. NULL: all is compiled in place. */
static program_compiler *compiler_of(lua_State *L) {
    lua_getfield(L, 3, PROGRAM_COMPILER);
    program_compiler *compiler = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return compiler;
}

/* The main chunk goes on, which has waited for the module. */
static int module_compiled(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 4);
    return run_compiled(L, program_take_compiled(L, 3, compiler_of(L)));
}

int program_require(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushnil(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_getfield(L, 3, PROGRAM_LOADED);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 4) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    lua_getfield(L, 3, PROGRAM_STANDARD);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    lua_settop(L, 4);
    if (binding_push_library(L, binding_library, lua_tostring(L, 1))) {
        /* Ours: they use the run's own "moonport". */
        lua_getfield(L, 3, PROGRAM_GLOBALS);
        lua_setupvalue(L, 5, 1);
        lua_pushliteral(L, ":preload:");
        lua_replace(L, 2);
        return run_module(L);
    }
    if (push_preloaded(L)) {
        lua_pushliteral(L, ":preload:");
        lua_replace(L, 2);
        return run_module(L);
    }
    lua_settop(L, 4);
    lua_pushvalue(L, 1);
    bool own = program_push_module_path(L, 3);
    lua_replace(L, 2);
    if (!own) {
        note_missing(L, 3);
        return require_beside(L) ? 2 : require_shared(L);
    }
    program_compiler *compiler = compiler_of(L);
    if (compiler && !compiler->can_wait(compiler, L))
        compiler = NULL;
    enum program_compiled compiled = program_compile(L, lua_tostring(L, 2), 3, compiler);
    if (compiled == PROGRAM_WAITS)
        return compiler->wait(compiler, L, module_compiled);
    return run_compiled(L, compiled == PROGRAM_COMPILED);
}
