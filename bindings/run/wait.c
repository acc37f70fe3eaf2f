/*
 * Waits: a task is suspended until a signal of an object satisfies a test, or until a time. In a plain lua5.4 the main
 * program has no task; there a wait drives the loop itself until it is over.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <string.h>

#include "loop/reserve.h"
#include "object/binding.h"
#include "module.h"

static binding_task *task_of(lua_State *L) {
    return *(binding_task **)lua_getextraspace(L);
}

/* A server with a waiting waitForNewConnection accepts although paused. */
static void count_wait(mp_object *object, int change) {
    object->holds += (uint32_t)change;
    if (object->behaviour->kind != MP_TCP_SERVER)
        return;
    ((mp_tcp_server *)object)->waiting = (uint16_t)(((mp_tcp_server *)object)->waiting + change);
    mp_tcp_server_update((mp_tcp_server *)object);
}

static void unlink_wait(binding_wait *wait) {
    binding_wait **place = &binding_box_of(wait->object)->waits;
    while (*place && *place != wait)
        place = &(*place)->next;
    if (*place)
        *place = wait->next;
    if (!binding_box_of(wait->object)->waits)
        wait->object->awaited = false;
    count_wait(wait->object, -1);
    mp_object_check(wait->object);
}

void binding_end_wait(binding_wait *wait, int outcome) {
    mp_delay_stop(&wait->delay, wait->loop);
    if (wait->object)
        unlink_wait(wait);
    wait->outcome = outcome;
}

/* The wait is over: its task goes on now, before anything else happens. */
static void end_and_resume(binding_wait *wait, int outcome) {
    binding_end_wait(wait, outcome);
    if (wait->task)
        binding_resume(wait->task, 0);
}

static void on_deadline(mp_delay *delay) {
    end_and_resume(MP_CONTAINER(delay, binding_wait, delay), WAIT_TIMED_OUT);
}

void binding_wake(mp_object *object, uint32_t signals) {
    binding_box *box = binding_box_of(object);
    /* Whoever is woken may wait again or end other waits: begin anew after each. New waits come last, and their
       callers have looked before they waited, so that this ends. */
    for (bool again = true; again;) {
        again = false;
        for (binding_wait *wait = box->waits; wait; wait = wait->next) {
            if ((wait->signals & signals) && wait->test(wait)) {
                end_and_resume(wait, WAIT_READY);
                again = true;
                break;
            }
        }
    }
}

void binding_expire_waits(mp_object *object) {
    for (binding_wait *wait = binding_box_of(object)->waits; wait; wait = wait->next) {
        mp_delay_stop(&wait->delay, wait->loop);
        mp_delay_start(&wait->delay, wait->loop, 0, on_deadline);
    }
}

static void link_wait(lua_State *L, binding_wait *wait) {
    binding_wait **place = &binding_box_of(wait->object)->waits;
    binding_anchor(L, 1, wait->object);
    while (*place)
        place = &(*place)->next;
    *place = wait;
    wait->object->awaited = true;
    count_wait(wait->object, 1);
}

static int drive(lua_State *L, binding_state *state, binding_wait *wait, lua_KFunction k,
                 lua_KContext context) {
    state->looping = true;
    mp_loop_ref(state->loop);
    mp_loop_settle(state->loop); /* may be all that the wait needs: no event need follow */
    while (wait->outcome == WAIT_RUNNING && !state->quitting)
        mp_loop_run_once(state->loop);
    mp_loop_unref(state->loop);
    state->looping = false;
    if (wait->outcome == WAIT_RUNNING)
        binding_end_wait(wait, WAIT_CANCELLED);
    state->driven_outcome = wait->outcome;
    return k(L, LUA_OK, context);
}

int binding_suspend(lua_State *L, const binding_wait_request *request, lua_KFunction k,
                    lua_KContext context) {
    binding_state *state = binding_state_of(L);
    binding_task *task = state->running;
    binding_wait driven, *wait = &driven;
    bool timed = request->msec >= 0 && request->msec < HUGE_VAL;
    if (task && task_of(L) == task && lua_isyieldable(L))
        wait = &task->wait;
    else if (state->looping || task)
        return luaL_error(L, task && task_of(L) != task
                                 ? "cannot wait here: in a coroutine of the script's own"
                                 : "cannot wait here: a C function stands in between");
    else if (!lua_checkstack(state->L, BINDING_STACK))
        return luaL_error(L, "cannot wait here: out of memory");
    if (timed && !mp_reserve_is_whole())
        return luaL_error(L, "not enough memory");
    memset(wait, 0, sizeof *wait);
    wait->loop = state->loop;
    wait->task = wait == &driven ? NULL : task;
    wait->object = request->object;
    wait->test = request->test;
    wait->signals = request->signals;
    wait->mark = request->mark;
    wait->lets_close = request->lets_close;
    wait->outcome = WAIT_RUNNING;
    if (wait->object)
        link_wait(L, wait);
    if (timed)
        mp_delay_start(&wait->delay, state->loop, request->msec, on_deadline);
    if (wait == &driven)
        return drive(L, state, wait, k, context);
    return lua_yieldk(L, 0, context, k);
}

int binding_outcome(lua_State *L) {
    binding_state *state = binding_state_of(L);
    return state->running && task_of(L) == state->running ? state->running->wait.outcome
                                                          : state->driven_outcome;
}

/* --- moonport.sleep ------------------------------------------------------------------------------------------------ */

static int sleep_over(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_pushboolean(L, 1);
    return 1;
}

/* moonport.sleep(msec) -> true */
static int module_sleep(lua_State *L) {
    (void)luaL_checknumber(L, 1);
    binding_wait_request request = {.msec = binding_check_msec(L, 1, 0)};
    return binding_suspend(L, &request, sleep_over, 0);
}

const luaL_Reg binding_wait_functions[] = {{"sleep", module_sleep}, {NULL, NULL}};
