/*
 * Generations; see generation.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/generation.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "object/class.h"

/* --- life ----------------------------------------------------------------------------------------------- */

void binding_free_generation(binding_generation *generation) {
    binding_state *state = generation->state;
    /* At the end of the state, objects that Lua has lost may still refer to it. */
    assert(generation->references > 0 || (generation->sockets == 0 && generation->handlers == 0));
    const int references[] = {generation->members,   generation->persisted, generation->on_error,
                              generation->on_reload, generation->on_quit,   generation->system_signals};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        luaL_unref(state->L, LUA_REGISTRYINDEX, references[i]);
    binding_generation **place = &state->generations.first;
    while (*place != generation)
        place = &(*place)->next;
    *place = generation->next;
    free(generation->first_error);
    free(generation);
}

static int handle_gc(lua_State *L) {
    binding_generation **handle = lua_touserdata(L, 1);
    binding_unreference(*handle);
    *handle = NULL;
    return 0;
}

static binding_generation *push_generation(lua_State *L, binding_state *state) {
    binding_generation **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    if (luaL_newmetatable(L, "moonport.Generation")) {
        lua_pushcfunction(L, handle_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    binding_generation *generation = calloc(1, sizeof *generation);
    if (!generation) {
        luaL_error(L, "out of memory");
        return NULL;
    }
    generation->references = 1;
    generation->state = state;
    generation->next = state->generations.first;
    state->generations.first = generation;
    generation->members = generation->persisted = generation->on_error = generation->on_reload =
        generation->on_quit = generation->system_signals = LUA_NOREF;
    *handle = generation;
    binding_push_weak_table(L, "k");
    generation->members = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    generation->persisted = luaL_ref(L, LUA_REGISTRYINDEX);
    return generation;
}

binding_generation *binding_new_generation(lua_State *L, binding_state *state) {
    binding_generation *generation = push_generation(L, state);
    generation->number = ++state->generations.count;
    return generation;
}

binding_generation *binding_new_lasting_generation(lua_State *L, binding_state *state) {
    assert(!state->generations.lasting);
    return state->generations.lasting = push_generation(L, state);
}

/* --- who made what -------------------------------------------------------------------------------------- */

void binding_made(lua_State *L, int index) {
    binding_generation *generation = binding_generation_of(L);
    binding_state *state = generation->state;
    binding_box *box = lua_touserdata(L, index);
    assert(!box->generation && binding_object(box)->loop == state->loop);
    index = lua_absindex(L, index);
    bool lasting = generation == state->generations.lasting;
    box->of_run = !lasting && (!state->running || state->running->of_run);
    binding_object(box)->background = lasting;
    if (box->of_run) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, generation->members);
        lua_pushvalue(L, index);
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
    box->generation = generation;
    binding_reference(generation);
}

binding_generation *binding_running_generation(const binding_state *state) {
    return state->running && state->running->generation ? state->running->generation
                                                        : state->generations.current;
}

binding_generation *binding_generation_of(lua_State *L) {
    const binding_state *state = binding_state_of(L);
    binding_generation **handle = lua_touserdata(L, lua_upvalueindex(2));
    binding_generation *generation = handle ? *handle : binding_running_generation(state);
    if (!generation)
        luaL_error(L, "moonport has stopped");
    return generation;
}

void binding_attribute(binding_box *box, binding_generation *generation, bool has_handlers) {
    assert(binding_object(box)->loop && (generation || !has_handlers));
    assert(!box->has_handlers || box->generation->sockets > 0);
    if (box->has_handlers)
        box->generation->sockets--;
    binding_reference(generation);
    binding_unreference(box->generation);
    box->generation = generation;
    box->has_handlers = has_handlers;
    if (has_handlers)
        generation->sockets++;
}

void binding_place_of_function(lua_State *L, int index, char *text, size_t size) {
    lua_Debug where;
    lua_pushvalue(L, index);
    if (lua_getinfo(L, ">S", &where))
        snprintf(text, size, "%s:%d", where.short_src, where.linedefined);
}

void binding_handler_set(lua_State *L, binding_box *box, binding_generation *generation, int value) {
    /* A finalised object can't release a reference any more: binding_forget has run. */
    if (!binding_object(box)->loop || !mp_kind_is(binding_object(box)->behaviour->kind, MP_TCP_SOCKET))
        return;
    binding_generation *lasting = generation->state->generations.lasting;
    if (lasting && box->generation == lasting)
        generation = lasting; /* whoever calls the library */
    if (box->generation != generation || !box->has_handlers)
        binding_attribute(box, generation, true);
    if (generation == generation->state->generations.current && generation->holder[0])
        return; /* one example is enough */
    binding_place_of_function(L, value, generation->holder, sizeof generation->holder);
}
