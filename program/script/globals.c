/*
 * The globals of runs; see globals.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/globals.h"

#include <lauxlib.h>
#include <string.h>

#include "object/generation.h"

/* Registry keys: Lua's own globals · those that modules have set · runs, as number -> globals, weak · those
   of them that stay · the metatable of the state's globals, and the one that a module has given to `_G`. */
static const char standard_key = 0, shared_key = 0, runs_key = 0, held_key = 0, own_key = 0,
                  metatable_key = 0;

/* What modules see in the state's globals itself: their own way to load, and the functions below. */
static const char *const kept[] = {"require", "package", "load", "loadfile", "dofile"};

static void copy_fields(lua_State *L, int from, int to) {
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

/* --- the run that calls --------------------------------------------------------------------------------- */

/* Pushes the globals of the run that the calling code belongs to. */
static void push_run(lua_State *L) {
    const binding_state *state = binding_find(L);
    const binding_generation *running = binding_running_generation(state);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runs_key);
    if (lua_rawgeti(L, -1, running ? running->number : 0) != LUA_TTABLE && state->generations.current) {
        lua_pop(L, 1);
        lua_rawgeti(L, -1, state->generations.current->number);
    }
    if (!lua_istable(L, -1)) { /* nothing of that run needs them any more */
        lua_pop(L, 1);
        lua_rawgetp(L, LUA_REGISTRYINDEX, &standard_key);
    }
    lua_remove(L, -2);
}

static bool is_shared_table(lua_State *L, int index) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    bool same = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return same;
}

/* Replaces the state's globals at index 1 by the run's. */
static void resolve(lua_State *L) {
    if (is_shared_table(L, 1)) {
        push_run(L);
        lua_replace(L, 1);
    }
}

/* While there is one run only, a read needs no call: `__index` is its globals. */
static void settle(lua_State *L, int run) {
    const binding_generations *generations = &binding_find(L)->generations;
    if (generations->first != generations->current || generations->first->next)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &own_key);
    lua_pushvalue(L, run);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

/* __index(_, name) */
static int get_global(lua_State *L) {
    lua_settop(L, 2);
    push_run(L);
    settle(L, 3);
    lua_pushvalue(L, 2);
    lua_gettable(L, 3);
    return 1;
}

static void unsettle(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &own_key);
    lua_pushcfunction(L, get_global);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

/* A module has set the global whose name is at index 2, and its value at 3. Every run sees it, unless it has
   its own. */
static void share(lua_State *L) {
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &shared_key);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runs_key);
    int runs = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, runs); lua_settop(L, runs + 1)) {
        lua_pushvalue(L, 2);
        if (lua_rawget(L, runs + 2) == LUA_TNIL) {
            lua_pushvalue(L, 2);
            lua_pushvalue(L, 3);
            lua_rawset(L, runs + 2);
        }
    }
    lua_settop(L, top);
}

/* __newindex(_, name, value) */
static int set_global(lua_State *L) {
    lua_settop(L, 3);
    push_run(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, 4);
    share(L);
    return 0;
}

/* --- Lua's functions, for which the state's globals are the run's --------------------------------------- */

static int raw_get(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    resolve(L);
    lua_rawget(L, 1);
    return 1;
}

static int raw_set(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    bool shared = is_shared_table(L, 1);
    lua_pushvalue(L, 1);
    resolve(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, 1);
    if (shared)
        share(L);
    return 1;
}

static int next_field(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    resolve(L);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

/* Upvalue: Lua's own */
static int pairs_of(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    resolve(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 3);
    return 3;
}

static int get_metatable(lua_State *L) {
    luaL_checkany(L, 1);
    resolve(L);
    if (!lua_getmetatable(L, 1))
        lua_pushnil(L);
    else
        luaL_getmetafield(L, 1, "__metatable");
    return 1;
}

/* The metatable (at index 2) that a module gives `_G` holds in all runs, like the fields that it sets. */
static void share_metatable(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runs_key);
    int runs = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, runs); lua_settop(L, runs + 1)) {
        if (lua_getmetatable(L, runs + 2))
            continue;
        lua_pushvalue(L, 2);
        lua_setmetatable(L, runs + 2);
    }
}

static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    lua_settop(L, 2);
    bool shared = is_shared_table(L, 1);
    lua_pushvalue(L, 1);
    resolve(L);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_pushvalue(L, 2);
    lua_setmetatable(L, 1);
    if (shared)
        share_metatable(L);
    lua_settop(L, 3);
    return 1;
}

/* --- for the host --------------------------------------------------------------------------------------- */

/* Empties the table at `globals`, except for what modules see in it directly. */
static void strip(lua_State *L, int globals) {
    static const luaL_Reg functions[] = {{"rawget", raw_get},
                                         {"rawset", raw_set},
                                         {"next", next_field},
                                         {"getmetatable", get_metatable},
                                         {"setmetatable", set_metatable},
                                         {NULL, NULL}};
    lua_rawgetp(L, LUA_REGISTRYINDEX, &standard_key);
    int standard = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, standard); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushnil(L);
        lua_rawset(L, globals);
    }
    lua_pushvalue(L, globals);
    luaL_setfuncs(L, functions, 0);
    lua_pushvalue(L, globals);
    lua_setfield(L, globals, "_G");
    lua_getfield(L, standard, "pairs");
    lua_pushcclosure(L, pairs_of, 1);
    lua_setfield(L, globals, "pairs");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        lua_getfield(L, standard, kept[i]);
        lua_setfield(L, globals, kept[i]);
    }
}

static void push_weak_table(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

void program_share_globals(lua_State *L) {
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    int globals = top + 1;
    lua_newtable(L);
    copy_fields(L, globals, globals + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &standard_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &shared_key);
    push_weak_table(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &runs_key);
    strip(L, globals);
    lua_newtable(L);
    lua_pushcfunction(L, set_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &own_key);
    lua_pushvalue(L, -1);
    lua_setmetatable(L, globals);
    unsettle(L);
    /* Tracebacks find the names of Lua's functions there. */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &standard_key);
    lua_newtable(L);
    copy_fields(L, lua_gettop(L) - 1, lua_gettop(L));
    lua_rawgetp(L, LUA_REGISTRYINDEX, &own_key);
    lua_setmetatable(L, -2);
    lua_setfield(L, -3, LUA_GNAME);
    lua_settop(L, top);
}

void program_push_globals(lua_State *L) {
    lua_newtable(L);
    int globals = lua_gettop(L);
    const void *const keys[] = {&standard_key, &shared_key};
    for (int i = 0; i < 2; i++) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, keys[i]);
        copy_fields(L, globals + 1, globals);
        lua_settop(L, globals);
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
    lua_setmetatable(L, globals);
}

void program_push_standard_global(lua_State *L, const char *name) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &standard_key);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

void program_register_globals(lua_State *L, unsigned generation) {
    unsettle(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runs_key);
    lua_insert(L, -2);
    lua_rawseti(L, -2, generation);
    lua_pop(L, 1);
}

static int keep_globals(lua_State *L) {
    const binding_generations *generations = &binding_find(L)->generations;
    lua_newtable(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &runs_key);
    for (const binding_generation *it = generations->first; it; it = it->next) {
        if (it->handlers + it->sockets == 0)
            continue;
        lua_rawgeti(L, 2, it->number);
        lua_rawseti(L, 1, it->number);
    }
    lua_pop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &held_key);
    return 0;
}

void program_keep_globals(lua_State *L) {
    lua_pushcfunction(L, keep_globals);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK)
        lua_pop(L, 1); /* no memory: they live as long as their code refers to them */
}

/* True if the field whose name is on top is one of the few that the state's globals have themselves. */
static bool is_kept(lua_State *L) {
    static const char *const functions[] = {"rawget",       "rawset", "next", "getmetatable",
                                            "setmetatable", "pairs",  "_G"};
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool found = false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept && !found; i++)
        found = strcmp(name, kept[i]) == 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions && !found; i++)
        found = strcmp(name, functions[i]) == 0;
    return found;
}

void program_collect_globals(lua_State *L) {
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushnil(L);
    while (lua_next(L, top + 1)) {
        lua_pushvalue(L, -2);
        if (is_kept(L)) {
            lua_pop(L, 2);
            continue;
        }
        lua_pushcfunction(L, set_global);
        lua_pushvalue(L, top + 1);
        lua_pushvalue(L, top + 2);
        lua_pushvalue(L, top + 3);
        lua_call(L, 3, 0);
        lua_pushvalue(L, top + 2);
        lua_pushnil(L);
        lua_rawset(L, top + 1);
        lua_settop(L, top + 2);
    }
    lua_settop(L, top);
}
