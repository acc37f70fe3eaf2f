/*
 * moonport.Timer: QTimer for Lua.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/timer.h"

#include <assert.h>
#include <math.h>

#include "loop/reserve.h"
#include "loop/timer.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "object/object.h"
#include "object/surplus.h"
#include "run/wait.h"

#define check_timer(L, parameters) binding_check(L, parameters, mp_timer, MP_TIMER)

/* The longest interval of a timer, in milliseconds. */
static double check_interval(lua_State *L, int index) {
    double msec = luaL_checknumber(L, index);
    if (isnan(msec) || msec < 0 || isinf(msec))
        luaL_argerror(L, index, "an interval must not be negative or infinite");
    return msec;
}

static void push_timer(lua_State *L) {
    binding_state *state = binding_state_of(L);
    mp_timer_init((mp_timer *)binding_object(binding_new_box(L, state, MP_TIMER, sizeof(mp_timer))),
                  state->loop);
    binding_made(L, -1);
}

/* moonport.Timer() -> timer */
int binding_new_timer(lua_State *L) {
    binding_takes_none(L,
                       "start(msec) starts it, and timeout is its handler; or moonport.singleShot(msec, fn)");
    push_timer(L);
    return 1;
}

static void destroy(mp_object *object) {
    mp_timer_destroy((mp_timer *)object);
}

static int timer_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* A timer of a staged run starts with the commit. */
static void start(mp_timer *timer) {
    binding_box *box = binding_box_of(&timer->object);
    assert(timer->object.anchor != 0 && timer->interval >= 0);
    if (binding_box_is_retired(box))
        box->of_run = false; /* code that lives on restarts it, so it doesn't belong to the run any more */
    box->start_staged = binding_box_is_staged(box);
    if (!box->start_staged)
        mp_timer_start(timer);
}

/* The memory that the loop needs for one more timer. */
static void check_memory(lua_State *L) {
    if (!mp_reserve_is_whole())
        luaL_error(L, "not enough memory");
}

/* timer:start([msec]) */
static int timer_start(lua_State *L) {
    mp_timer *timer = check_timer(L, 1);
    double interval = lua_isnoneornil(L, 2) ? timer->interval : check_interval(L, 2);
    check_memory(L);
    binding_anchor(L, 1, &timer->object);
    timer->interval = interval;
    start(timer);
    return 0;
}

/* timer:stop() */
static int timer_stop(lua_State *L) {
    mp_timer *timer = check_timer(L, BINDING_ANY);
    binding_box_of(&timer->object)->start_staged = false;
    mp_timer_stop(timer);
    return 0;
}

/* timer:isActive() -> boolean */
static int timer_is_active(lua_State *L) {
    mp_timer *timer = check_timer(L, 0);
    lua_pushboolean(L, mp_timer_is_active(timer) || binding_box_of(&timer->object)->start_staged);
    return 1;
}

/* timer:setInterval(msec) */
static int timer_set_interval(lua_State *L) {
    mp_timer *timer = check_timer(L, 1);
    mp_timer_set_interval(timer, check_interval(L, 2));
    return 0;
}

/* timer:interval() -> msec */
static int timer_interval(lua_State *L) {
    binding_push_msec(L, check_timer(L, 0)->interval);
    return 1;
}

/* timer:setSingleShot(boolean) */
static int timer_set_single_shot(lua_State *L) {
    mp_timer *timer = check_timer(L, 1);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    timer->single_shot = lua_toboolean(L, 2);
    return 0;
}

/* timer:isSingleShot() -> boolean */
static int timer_is_single_shot(lua_State *L) {
    lua_pushboolean(L, check_timer(L, 0)->single_shot);
    return 1;
}

/* timer:remainingTime() -> msec, 0 if overdue, -1 if inactive */
static int timer_remaining_time(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)ceil(fmin(mp_timer_remaining(check_timer(L, 0)), 1e15)));
    return 1;
}

/* tostring(timer) */
static int timer_tostring(lua_State *L) {
    mp_timer *timer = check_timer(L, BINDING_ANY);
    lua_pushfstring(L, "Timer(%f ms, %s)", timer->interval,
                    mp_timer_is_active(timer) ? "active" : "inactive");
    return 1;
}

/* moonport.singleShot(msec, fn) -> timer */
int binding_single_shot(lua_State *L) {
    binding_takes(L, 2);
    double interval = check_interval(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    check_memory(L);
    lua_settop(L, 2);
    push_timer(L);
    lua_insert(L, 1);
    lua_setfield(L, 1, "timeout"); /* 1 timer, 2 msec */
    mp_timer *timer = (mp_timer *)binding_object(lua_touserdata(L, 1));
    timer->single_shot = true;
    timer->interval = interval;
    binding_anchor(L, 1, &timer->object);
    start(timer);
    lua_settop(L, 1);
    return 1;
}

void binding_open_timer(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {
        {"start", timer_start},
        {"stop", timer_stop},
        {"isActive", timer_is_active},
        {"setInterval", timer_set_interval},
        {"interval", timer_interval},
        {"setSingleShot", timer_set_single_shot},
        {"isSingleShot", timer_is_single_shot},
        {"remainingTime", timer_remaining_time},
        {NULL, NULL},
    };
    binding_new_class(L, state, MP_TIMER, methods);
    binding_finish_class(L, state, MP_TIMER, timer_gc, timer_tostring, timer_stop);
}
