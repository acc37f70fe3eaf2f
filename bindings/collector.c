/*
 * The pace of Lua's collector in the program. A service with little live data need not go through it again and again: the next
 * cycle begins only after some allocation. One with much is gone through in the loop's idle time, in slices that no request
 * feels; only where there is none, the collector's own steps go on beside the work.
 *
 * SPDX-License-Identifier: MIT
 */
#include "binding.h"

/* KiB that are allocated between two cycles at least; if more are live, as much as that (a pause of 200 %). */
#define LEAST_PAUSE 1024

/* KiB of live data that are worth the idle time, which takes a cycle on from half of that pause. */
#define MUCH 8192

/* A slice of idle time, milliseconds; and KiB that may be allocated from one to the next without a step. */
#define SLICE 0.5
#define BETWEEN_SLICES 1024

/* Units of work (a value or a small object each) for 16 bytes, and the size of a step: 8 KiB, that is 0.1 ms or so. */
#define WORK 4
#define STEP_SIZE 13

/* The end of a cycle: a dead userdata is finalised, and asks for the same in the next one. No lua_gc works in here. */
static int cycle_ended(lua_State *L) {
    binding_state_of(L)->cycle_ended = true;
    lua_getmetatable(L, 1);
    lua_setmetatable(L, 1);
    return 0;
}

void binding_pace_collector(lua_State *L, binding_state *state) {
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, cycle_ended, 1);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    lua_gc(L, LUA_GCINC, 0, WORK, STEP_SIZE);
}

/* A chore of idle time: a slice of the cycle, which it begins if need be. */
static bool collect_some(mp_loop *loop) {
    binding_state *state = loop->owner;
    double until = mp_loop_now() + SLICE;
    if (!lua_gc(state->L, LUA_GCISRUNNING))
        return state->collecting = false;
    do {
        if (lua_gc(state->L, LUA_GCSTEP, 0) != 0 || state->cycle_ended) {
            binding_keep_pace(state);
            return state->collecting = false;
        }
    } while (mp_loop_now() < until);
    (void)lua_gc(state->L, LUA_GCSTEP, -BETWEEN_SLICES);
    return true;
}

void binding_keep_pace(binding_state *state) {
    int used = lua_gc(state->L, LUA_GCCOUNT);
    if (state->cycle_ended) {
        state->cycle_ended = false;
        state->collect_at = used >= MUCH ? used + used / 2 : 0;
        if (used < LEAST_PAUSE)
            (void)lua_gc(state->L, LUA_GCSTEP, used - LEAST_PAUSE);
    } else if (used > state->collect_at && !state->collecting) {
        state->collecting = true;
        mp_loop_set_chore(state->loop, MP_CHORE_WHEN_IDLE, collect_some);
    }
}
