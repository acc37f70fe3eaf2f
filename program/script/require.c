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
#include "script/lua_file.h"
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

/* Pushes a path of the run's package table without the entries of search_beside: modules of the script's
   folder are the run's own, and installed modules don't get them. */
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

/* The installed ones, by Lua's own require. It searches the state's package paths, which for now are those of
   the script. Upvalues of program_require. */
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
    program_lend_descriptor(); /* its searchers open files */
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    program_hold_descriptor();
    lua_pushnil(L);
    program_offer_loader(L, NULL);
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

/* Pushes the run's own package.preload entry for the name, or something else and returns false. Stack as
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

/* Notes where a module of the script's folder (its name is at index 1) would be: it may appear later. */
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

/* Stack: name, path, environment, loaded, the module's chunk or a message. */
static int run_compiled(lua_State *L, bool compiled) {
    if (!compiled)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", lua_tostring(L, 1),
                          lua_tostring(L, 2), lua_tostring(L, -1));
    return run_module(L);
}

/* Stack as program_require's. */
static program_compiler *compiler_of(lua_State *L) {
    lua_getfield(L, 3, PROGRAM_COMPILER);
    program_compiler *compiler = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return compiler;
}

/* The compiler that the caller can wait for; NULL: compile in place. */
static program_compiler *awaited_compiler(lua_State *L) {
    program_compiler *compiler = compiler_of(L);
    return compiler && compiler->can_wait(compiler, L) ? compiler : NULL;
}

/* The main chunk, which has waited for the module, continues. */
static int module_compiled(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 4);
    return run_compiled(L, program_take_compiled(L, lua_tostring(L, 2), 3, compiler_of(L)));
}

/* The same for an installed one: Lua's require finds the offered function, and loads bytecode itself. */
static int shared_compiled(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 4);
    bool compiled = program_end_compiling(compiler_of(L), L);
    program_text *text = program_to_text(L, 5);
    bool bytecode = program_is_whole_text(text) && program_is_bytecode_text(text);
    program_free_text(text);
    if (compiled)
        program_offer_loader(L, lua_tostring(L, 2));
    else if (!bytecode)
        return run_compiled(L, false);
    return require_shared(L);
}

/* True if it is in this table of the registry, which all runs share. Stack as program_require's. */
static bool is_shared_in(lua_State *L, const char *table) {
    lua_getfield(L, LUA_REGISTRYINDEX, table);
    lua_pushvalue(L, 1);
    bool there = lua_rawget(L, -2) != LUA_TNIL;
    lua_settop(L, 4);
    return there;
}

/* Begins to compile an installed module, and puts its file at index 2. False: Lua's require does it. */
static bool begin_shared(lua_State *L, program_compiler *compiler) {
    if (!compiler || is_shared_in(L, LUA_LOADED_TABLE) || is_shared_in(L, LUA_PRELOAD_TABLE))
        return false;
    lua_getfield(L, 3, PROGRAM_PACKAGE);
    push_shared_path(L, 5, "path");
    bool begun = false;
    if (lua_type(L, 6) == LUA_TSTRING && program_push_module_in(L, lua_tostring(L, 1))) {
        lua_replace(L, 2);
        program_text *text = program_push_text(L);
        begun = program_open_text(text, lua_tostring(L, 2), false) == 0 &&
                program_begin_compiling(compiler, L, lua_tostring(L, 2));
        if (!begun)
            program_free_text(text);
    }
    lua_settop(L, 4);
    return begun;
}

/* Stack as program_require's. */
static void tell_of_request(lua_State *L) {
    lua_getfield(L, 3, PROGRAM_LATE);
    program_late_modules *late = lua_touserdata(L, -1);
    if (late)
        mp_soon_start(&late->soon, late->loop, late->run);
    lua_pop(L, 1);
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
    tell_of_request(L);
    program_compiler *compiler = awaited_compiler(L);
    lua_pushvalue(L, 1);
    bool own = program_push_module_path(L, 3);
    lua_replace(L, 2);
    if (!own) {
        note_missing(L, 3);
        if (require_beside(L))
            return 2;
        return begin_shared(L, compiler) ? compiler->wait(compiler, L, shared_compiled) : require_shared(L);
    }
    enum program_compiled compiled = program_compile(L, lua_tostring(L, 2), 3, compiler);
    if (compiled == PROGRAM_WAITS)
        return compiler->wait(compiler, L, module_compiled);
    return run_compiled(L, compiled == PROGRAM_COMPILED);
}
