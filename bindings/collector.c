/*
 * The pace of Lua's collector in the program. A service with little live data has a generational collector: what its handlers
 * allocate is dead when they end, and is freed before it has left the processor's cache, for the price of what is young. In
 * that mode a service with much would pause for all of its data now and then. So its collector is incremental, and goes through
 * the data in the loop's idle time, in slices that no request feels; only where there is none, its own steps go on beside the
 * work. A script that sets a mode by itself is left alone from then on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "binding.h"

enum { PACE_NONE, PACE_GENERATIONAL, PACE_INCREMENTAL, PACE_OF_SCRIPT };

/* KiB of live data: with more than LITTLE it is incremental, with less than half of that generational again. Either change goes
   through all of it, 1 ms or so. */
#define LITTLE 2048

/* Per cent of the live data that are allocated between two collections of what is young. */
#define YOUNG 100

/* Per cent by which the live data may grow before all of it is gone through in generational mode: more than LITTLE is. */
#define MAJOR 1000

/* KiB of live data that are worth the idle time, which takes a cycle on from half of the usual pause (as much as is live). */
#define MUCH 8192

/* A slice of idle time, milliseconds; and KiB that may be allocated from one to the next without a step. */
#define SLICE 0.5
#define BETWEEN_SLICES 1024

/* Units of work (a value or a small object each) for 16 bytes, and the size of a step: 8 KiB, that is 0.1 ms or so. */
#define WORK 4
#define STEP_SIZE 13

/* The end of a cycle: a dead userdata is finalised, and asks for the same in the next one. In generational mode it soon is too old
   for that, until the mode changes. No lua_gc works in here. */
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
    lua_gc(L, LUA_GCGEN, YOUNG, MAJOR);
    state->pace = PACE_GENERATIONAL;
}

/* Each call tells the mode before it: one that isn't ours is the script's wish. */
static void go_incremental(binding_state *state) {
    if (lua_gc(state->L, LUA_GCINC, 0, 0, 0) == LUA_GCGEN) {
        lua_gc(state->L, LUA_GCINC, 0, WORK, STEP_SIZE);
        state->pace = PACE_INCREMENTAL;
        state->collect_at = 0;
    } else {
        state->pace = PACE_OF_SCRIPT;
    }
}

static void go_generational(binding_state *state) {
    bool ours = lua_gc(state->L, LUA_GCGEN, 0, 0) == LUA_GCINC;
    state->pace = ours ? PACE_GENERATIONAL : PACE_OF_SCRIPT;
}

/* A chore of idle time: a slice of the cycle, which it begins if need be. */
static bool collect_some(mp_loop *loop) {
    binding_state *state = loop->owner;
    double until = mp_loop_now() + SLICE;
    if (state->pace != PACE_INCREMENTAL || !lua_gc(state->L, LUA_GCISRUNNING))
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
    bool ended = state->cycle_ended;
    if (used < 0)
        return; /* within a finaliser */
    state->cycle_ended = false;
    if (state->pace == PACE_GENERATIONAL && used > LITTLE) {
        go_incremental(state);
    } else if (state->pace == PACE_INCREMENTAL && ended) {
        state->collect_at = used >= MUCH ? used + used / 2 : 0;
        if (used < LITTLE / 2)
            go_generational(state);
    } else if (state->pace == PACE_INCREMENTAL && state->collect_at > 0 && used > state->collect_at &&
               !state->collecting) {
        state->collecting = true;
        mp_loop_set_chore(state->loop, MP_CHORE_WHEN_IDLE, collect_some);
    }
}
