/*
 * Lua's ways to files; see lua_file.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/lua_file.h"

#include <lauxlib.h>
#include <lualib.h>

#include "run/bytecode.h"
#include "script/compile.h"
#include "script/search.h"

/* Registry keys: the function that is offered, and the file that it was compiled from. */
static const char offered = 0, offered_path = 0;

/* Lua's searcher of modules in Lua, by its place in package.searchers. */
enum { LUA_SEARCHER = 2 };

bool program_load_file(lua_State *L, const char *path, const char *mode, bool pipes) {
    program_text *text = program_push_text(L);
    int result = program_open_text(text, path, pipes);
    bool compiled = result == 0 && program_compile_text(L, path, mode);
    if (result < 0)
        program_push_text_error(L, path, result);
    program_free_text(text);
    lua_remove(L, -2);
    return compiled;
}

/* The same of standard input where there is no path. */
static bool load(lua_State *L, const char *path, const char *mode) {
    return path ? program_load_file(L, path, mode, true) : luaL_loadfilex(L, NULL, mode) == LUA_OK;
}

/* path, mode, environment -> function | nil, message */
static int load_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    const char *mode = binding_chunk_mode(L, luaL_optstring(L, 2, NULL));
    if (!mode)
        return 2;
    bool compiled = load(L, path, mode);
    if (!compiled) {
        luaL_pushfail(L);
        lua_insert(L, -2);
        return 2;
    }
    if (lua_type(L, 3) != LUA_TNONE) {
        lua_pushvalue(L, 3);
        if (!lua_setupvalue(L, -2, 1))
            lua_pop(L, 1);
    }
    return 1;
}

static int all_results(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

/* path -> what the file returns */
static int do_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (!load(L, path, binding_chunk_mode(L, NULL)))
        return lua_error(L);
    lua_callk(L, 0, LUA_MULTRET, 0, all_results);
    return all_results(L, LUA_OK, 0);
}

void program_offer_loader(lua_State *L, const char *path) {
    lua_rawsetp(L, LUA_REGISTRYINDEX, &offered);
    lua_pushstring(L, path);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &offered_path);
}

/* Pushes what is offered for the path on top, or nothing and returns false. */
static bool push_offered(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &offered_path);
    bool fits = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    if (fits)
        lua_rawgetp(L, LUA_REGISTRYINDEX, &offered);
    return fits;
}

/* Where Lua has looked for a module. Stack: name, package, its path -> message */
static int say_where(lua_State *L) {
    lua_settop(L, 3);
    lua_getfield(L, 2, "searchpath");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    lua_call(L, 2, 2);
    return 1;
}

/* name -> loader, path | message */
static int search(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, 2, "path");
    if (!lua_isstring(L, -1))
        return luaL_error(L, "'package.path' must be a string");
    if (!program_push_module_in(L, name))
        return say_where(L);
    const char *path = lua_tostring(L, -1);
    if (!push_offered(L) && !program_load_file(L, path, binding_chunk_mode(L, NULL), false))
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                          lua_tostring(L, -1));
    lua_insert(L, -2);
    return 2;
}

void program_limit_files(lua_State *L) {
    int top = lua_gettop(L);
    lua_register(L, "loadfile", load_file);
    lua_register(L, "dofile", do_file);
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers");
    lua_pushcfunction(L, search);
    lua_rawseti(L, -2, LUA_SEARCHER);
    lua_settop(L, top);
}
