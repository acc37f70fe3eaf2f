/*
 * Retirement; see retirement.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "generation/retirement.h"

#include <math.h>

#include "object/class.h"
#include "run/spawn.h"

/* How long one turn of the loop may spend on it, milliseconds. */
#define SLICE 0.5

/* --- tasks ---------------------------------------------------------------------------------------------- */

/* Cancels those of the generation, or if it is NULL those that have retired, until the time is over: then
   true. A task is looked at once in a pass; it moves to the end of the list first, since closing its
   variables may change that. */
static bool cancel_some(binding_state *state, const binding_generation *generation, double until) {
    mp_ring *all = &state->tasks->all;
    while (!mp_ring_is_empty(all)) {
        binding_task *task = MP_CONTAINER(all->next, binding_task, link);
        if (task->pass == state->generations.pass)
            return false;
        mp_ring_remove(&task->link);
        mp_ring_append(all, &task->link);
        task->pass = state->generations.pass;
        if (!task->suspended || task->doomed)
            continue; /* a spare one's object may be gone */
        if (generation ? task->context.generation != generation : !binding_has_retired(task))
            continue;
        binding_cancel(task);
        if (mp_loop_now() > until)
            return true;
    }
    return false;
}

void binding_cancel_tasks(const binding_generation *generation) {
    binding_state *state = generation->state;
    state->generations.pass++;
    (void)cancel_some(state, generation, HUGE_VAL);
    state->generations.pass++; /* another one that was under way begins anew */
}

/* --- members -------------------------------------------------------------------------------------------- */

/* anchor -> ; puts a weak table with the object into its place */
static int make_weak(lua_State *L) {
    int anchor = (int)lua_tointeger(L, 1);
    binding_push_weak_table(L, "v");
    lua_rawgeti(L, LUA_REGISTRYINDEX, anchor);
    lua_rawseti(L, -2, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, anchor);
    return 0;
}

/* From now on the object lives only as long as something of the script's refers to it. False: there is no
   memory for that. */
static bool weaken(mp_object *object) {
    lua_State *L = ((binding_state *)object->loop->owner)->L;
    bool done = true;
    if (lua_rawgeti(L, LUA_REGISTRYINDEX, object->anchor) == LUA_TUSERDATA) {
        lua_pushcfunction(L, make_weak);
        lua_pushinteger(L, object->anchor);
        done = lua_pcall(L, 1, 0, 0) == LUA_OK;
        if (done)
            binding_box_of(object)->weak = true;
        else
            lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return done;
}

/* False: try it again later. */
static bool retire_member(binding_box *box) {
    mp_object *object = binding_object(box);
    if (!object->loop || !box->of_run)
        return true; /* finalised; or somebody has started it since */
    switch (binding_base_of(object)) {
    case MP_TIMER: mp_timer_stop((mp_timer *)object); break;
    case CLASS_TASK: binding_cancel_spawned(object); break;
    case MP_TCP_SOCKET:
        if (object->anchor != 0 && !mp_stream_server((mp_stream *)object))
            return weaken(object);
        break;
    case MP_UDP_SOCKET:
        if (object->anchor != 0)
            return weaken(object);
        break;
    default: break;
    }
    return true;
}

/* generation, until -> whether there are more. Takes each member out of the table that has retired; needs no
   memory. */
static int retire_members(lua_State *L) {
    const binding_generation *generation = lua_touserdata(L, 1);
    double until = lua_tonumber(L, 2);
    bool over = false, left = false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->members); /* 3 */
    lua_pushnil(L);
    while (!over && lua_next(L, 3)) {
        lua_pop(L, 1); /* 4: the member */
        if (retire_member(lua_touserdata(L, 4))) {
            lua_pushvalue(L, 4);
            lua_pushnil(L);
            lua_rawset(L, 3);
        } else {
            left = true;
        }
        over = mp_loop_now() > until;
    }
    lua_pushboolean(L, over || left);
    return 1;
}

/* True: there are more. */
static bool retire_some_members(binding_generation *generation, double until) {
    lua_State *L = generation->state->L;
    lua_pushcfunction(L, retire_members);
    lua_pushlightuserdata(L, generation);
    lua_pushnumber(L, until);
    /* The code of a __close may have made a member meanwhile, and lua_next has lost its way: it begins
       anew. */
    bool more = lua_pcall(L, 2, 1, 0) != LUA_OK || lua_toboolean(L, -1);
    lua_pop(L, 1);
    return more;
}

/* --- both ----------------------------------------------------------------------------------------------- */

bool binding_retire_some(binding_state *state) {
    if (state->generations.retiring == 0)
        return false;
    double until = mp_loop_now() + SLICE;
    for (binding_generation *it = state->generations.first; it; it = it->next)
        if (it->life == LIFE_RETIRING && retire_some_members(it, until))
            return true;
    if (cancel_some(state, NULL, until))
        return true;
    for (binding_generation *it = state->generations.first, *next; it; it = next) {
        next = it->next;
        if (it->life != LIFE_RETIRING)
            continue;
        it->life = LIFE_RETIRED;
        state->generations.retiring--;
        binding_unreference(it);
    }
    return false;
}

void binding_retire(binding_generation *generation) {
    binding_state *state = generation->state;
    assert(generation->life == LIFE_SERVING);
    binding_reference(generation);
    generation->life = LIFE_RETIRING;
    state->generations.retiring++;
    state->generations.pass++;
    (void)binding_retire_some(state);
}
