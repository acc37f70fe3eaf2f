/*
 * moonport.lasting; see lasting.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lasting.h"

#include "moonport.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "object/surplus.h"
#include "run/wait.h"

/* Registry keys: the module; the function that is told of successions. */
static const char module_key = 0, told_key = 0;

/* lasting.life(fn) -> "staged", "serving" or "over": the state of the run whose table of the module
   `moonport` has the function */
static int lasting_life(lua_State *L) {
    const binding_generations *all = &binding_state_of(L)->generations;
    binding_takes(L, 1);
    luaL_argcheck(L, lua_iscfunction(L, 1) && lua_getupvalue(L, 1, 2), 1,
                  "a function of the module expected");
    binding_generation **handle = lua_touserdata(L, -1);
    const binding_generation *generation = handle ? *handle : all->current;
    lua_pushstring(L, generation == all->staging                                 ? "staged"
                      : generation == all->current || generation == all->lasting ? "serving"
                                                                                 : "over");
    return 1;
}

/* lasting.successions() -> how many runs have taken over or were rolled back */
static int lasting_successions(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, binding_state_of(L)->generations.successions);
    return 1;
}

/* lasting.onSuccession(fn): called behind each, before other events */
static int lasting_on_succession(lua_State *L) {
    binding_takes(L, 1);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &told_key);
    return 0;
}

/* lasting.canWait() -> whether the caller can */
static int lasting_can_wait(lua_State *L) {
    binding_takes(L, 0);
    lua_pushboolean(L, binding_can_wait(L));
    return 1;
}

/* lasting.queued() -> how many signals and steps are queued: handlers that run behind this one in the turn */
static int lasting_queued(lua_State *L) {
    binding_takes(L, 0);
    lua_pushinteger(L, binding_state_of(L)->loop->queue.count);
    return 1;
}

/* lasting.hold(1 or -1): one more, or one less, reason for the loop to go on */
static int lasting_hold(lua_State *L) {
    binding_takes(L, 1);
    mp_loop *loop = binding_state_of(L)->loop;
    if (luaL_checkinteger(L, 1) > 0)
        mp_loop_ref(loop);
    else
        mp_loop_unref(loop);
    return 0;
}

/* lasting.store() -> path of the socket of the own store of the program, started if none runs | nil, why */
static int lasting_store(lua_State *L) {
    char path[512];
    binding_state *state = binding_state_of(L);
    binding_takes(L, 0);
    const char *why = state->host ? state->host->store(state, path, sizeof path)
                                  : "a plain Lua has none of its own";
    if (why)
        lua_pushnil(L);
    lua_pushstring(L, why ? why : path);
    return why ? 2 : 1;
}

/* Begins a task of the function, if there is one. */
static int tell(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &told_key) == LUA_TNIL)
        return 0;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
    lua_getfield(L, -1, "spawn");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    return 0;
}

void binding_tell_lasting(binding_state *state) {
    if (!state->generations.lasting)
        return;
    lua_pushcfunction(state->L, tell);
    if (lua_pcall(state->L, 0, 0, 0) != LUA_OK)
        lua_pop(state->L, 1); /* no memory: whoever needs to know compares `successions` */
}

int luaopen_moonport_lasting(lua_State *L) {
    static const luaL_Reg functions[] = {{"life", lasting_life},
                                         {"successions", lasting_successions},
                                         {"onSuccession", lasting_on_succession},
                                         {"canWait", lasting_can_wait},
                                         {"queued", lasting_queued},
                                         {"hold", lasting_hold},
                                         {"store", lasting_store},
                                         {NULL, NULL}};
    binding_state *state = binding_find(L);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key) == LUA_TTABLE)
        return 1;
    (void)binding_new_lasting_generation(L, state);
    binding_push_module(L, state, lua_gettop(L));
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, functions, 1);
    /* Lua's own loads a module once for all runs. */
    lua_getglobal(L, "require");
    lua_setfield(L, -2, "require");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
    return 1;
}
