/*
 * Where the state of the bindings is stored; see state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/state.h"

#include <string.h>

/* Registry key. */
static const char state_key = 0;

static lua_State *main_thread(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    return thread;
}

/* It is the first userdata with a finaliser, so lua_close finalises it after all objects. */
binding_state *binding_new_state(lua_State *L, lua_CFunction gc) {
    binding_state *state = lua_newuserdatauv(L, sizeof *state, 0);
    memset(state, 0, sizeof *state);
    state->L = main_thread(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return state;
}

binding_state *binding_find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    binding_state *state = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return state;
}

void binding_disarm(binding_state *state) {
    lua_sethook(state->watch.late, NULL, 0, 0);
    state->watch.late = state->watch.cut = NULL;
    state->watch.placed = false;
}

void *binding_allocate(lua_State *L, size_t size) {
    void *memory = lua_newuserdatauv(L, size, 0);
    memset(memory, 0, size);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    return memory;
}
