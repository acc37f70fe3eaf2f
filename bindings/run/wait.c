/*
 * Waits: a task is suspended until a signal of an object satisfies a test, or until a time. In a plain lua5.4
 * the main program has no task: there a wait runs the loop until it is over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/wait.h"

#include <assert.h>
#include <math.h>

#include "loop/reserve.h"
#include "object/arguments.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/work.h"

/* The wait is over: its task goes on now, before anything else happens. */
static void end_and_resume(binding_wait *wait, int outcome) {
    binding_end_wait(wait, outcome);
    if (wait->task && binding_has_retired(wait->task))
        binding_cancel(wait->task);
    else if (wait->task && wait->task->kind->woken)
        wait->task->kind->woken(wait->task);
    else if (wait->task)
        binding_resume(wait->task, 0);
}

static void on_deadline(mp_delay *delay) {
    end_and_resume(MP_CONTAINER(delay, binding_wait, delay), WAIT_TIMED_OUT);
}

/* A mark: no wait, but a place in binding_wake's walk. */
static bool is_mark(const binding_wait *wait) {
    return !wait->test;
}

void binding_wake(mp_object *object, uint64_t signals) {
    binding_wake_while(object, signals, NULL);
}

void binding_wake_while(mp_object *object, uint64_t signals, bool (*more)(const mp_object *object)) {
    binding_box *box = binding_box_of(object);
    binding_wait here = {.object = object}, end = {.object = object};
    /* A woken task may wait again or end other waits, so marks in the ring say where to continue and where to
       end. New waits go behind the end: their callers have tested before they waited. */
    binding_put_wait(box, &end, NULL);
    for (binding_wait *wait = box->waits; wait != &end && (!more || more(object));) {
        if (is_mark(wait) || !(wait->signals & signals) || !wait->test(wait)) {
            wait = wait->next;
            continue;
        }
        binding_put_wait(box, &here, wait);
        end_and_resume(wait, WAIT_READY);
        wait = here.next;
        binding_take_wait(box, &here);
    }
    binding_take_wait(box, &end);
}

bool binding_is_awaited(mp_object *object, bool (*test)(const binding_wait *wait)) {
    const binding_wait *first = binding_box_of(object)->waits, *wait = first;
    if (!wait)
        return false;
    do {
        if (wait->test == test)
            return true;
        wait = wait->next;
    } while (wait != first);
    return false;
}

void binding_expire_waits(mp_object *object) {
    binding_box *box = binding_box_of(object);
    binding_wait *wait = box->waits;
    if (!wait)
        return;
    do {
        if (!is_mark(wait)) {
            mp_delay_stop(&wait->delay, wait->loop);
            mp_delay_start(&wait->delay, wait->loop, 0, on_deadline);
        }
        wait = wait->next;
    } while (wait != box->waits);
}

static int drive(lua_State *L, binding_state *state, binding_wait *wait, lua_KFunction k,
                 lua_KContext context) {
    binding_driver *driver = state->driver;
    assert(!driver->looping && !wait->task);
    driver->looping = true;
    mp_loop_ref(state->loop);
    mp_loop_settle(state->loop); /* this may end the wait, without any further event */
    while (wait->outcome == WAIT_RUNNING && !driver->quitting)
        mp_loop_run_once(state->loop);
    mp_loop_unref(state->loop);
    driver->looping = false;
    if (wait->outcome == WAIT_RUNNING)
        binding_end_wait(wait, WAIT_CANCELLED);
    driver->outcome = wait->outcome;
    return k(L, LUA_OK, context);
}

/* A task continues. If the script resumed its coroutine, not the loop, the wait stays, and the script gets
   nil and a message. */
static int go_on(lua_State *L, int status, lua_KContext address) {
    const binding_wait *wait = (const binding_wait *)address; // NOLINT(performance-no-int-to-ptr)
    const binding_state *state = wait->task->state;
    lua_settop(L, wait->top);
    if (binding_running_task(state) == wait->task)
        return wait->k(L, status, wait->context);
    lua_pushnil(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->tasks->not_yours);
    return lua_yieldk(L, 2, address, go_on);
}

bool binding_can_wait(lua_State *L) {
    const binding_state *state = binding_state_of(L);
    const binding_task *task = binding_running_task(state);
    if (task && binding_task_of(L) == task && lua_isyieldable(L))
        return true;
    return !task && !state->driver->looping && !binding_in_finaliser(L);
}

int binding_suspend(lua_State *L, const binding_wait_request *request, lua_KFunction k,
                    lua_KContext context) {
    binding_state *state = binding_state_of(L);
    binding_task *task = binding_running_task(state);
    binding_wait driven, *wait = &driven;
    double rest = binding_rest(L), msec = request->msec >= 0 && request->msec < rest ? request->msec : rest;
    bool timed = msec < HUGE_VAL;
    if (task && binding_task_of(L) == task && lua_isyieldable(L))
        wait = &task->wait;
    else if (binding_in_finaliser(L))
        return luaL_error(L, "cannot wait here: in a finaliser");
    else if (state->driver->looping || task)
        return luaL_error(L, task && binding_task_of(L) != task
                                 ? "cannot wait here: in a coroutine of the script's own"
                                 : "cannot wait here: below a C function");
    else if (!lua_checkstack(state->L, BINDING_STACK))
        return luaL_error(L, "cannot wait here: out of memory");
    if (timed && !mp_reserve_is_whole())
        return luaL_error(L, "not enough memory");
    if (request->object)
        binding_anchor(L, 1, request->object); /* may raise, so nothing was changed before */
    *wait = (binding_wait){
        .loop = state->loop,
        .task = wait == &driven ? NULL : task,
        .object = request->object,
        .test = request->test,
        .signals = request->signals,
        .mark = request->mark,
        .lets_close = request->lets_close,
        .k = k,
        .context = context,
        .top = lua_gettop(L),
        .outcome = WAIT_RUNNING,
    };
    if (wait->object)
        binding_link_wait(wait);
    if (timed)
        mp_delay_start(&wait->delay, state->loop, msec, on_deadline);
    if (wait == &driven)
        return drive(L, state, wait, k, context);
    return lua_yieldk(L, 0, (lua_KContext)wait, go_on);
}

/* Waits whose object vanishes: of those that wait for it none can go on but one whose coroutine the script
   has closed. A walk over them never goes on: its task has the state closed, by os.exit. */
static void let_go(binding_box *box) {
    while (box->waits) {
        binding_wait *wait = box->waits;
        if (is_mark(wait)) {
            binding_take_wait(box, wait);
            continue;
        }
        binding_unlink_wait(wait);
        mp_delay_stop(&wait->delay, wait->loop);
        mp_delay_start(&wait->delay, wait->loop, 0, on_deadline);
    }
}

int binding_finalise(lua_State *L, void (*destroy)(mp_object *object)) {
    binding_box *box = lua_touserdata(L, 1);
    mp_object *object = binding_object(box);
    if (!object->loop)
        return 0;
    int anchor = object->anchor;
    let_go(box);
    binding_abandon(box);
    destroy(object);
    binding_forget(L, box, anchor);
    return 0;
}

int binding_outcome(lua_State *L) {
    binding_state *state = binding_state_of(L);
    const binding_task *task = binding_running_task(state);
    return task && binding_task_of(L) == task ? task->wait.outcome : state->driver->outcome;
}

enum mp_fault binding_wait_fault(lua_State *L) {
    return binding_outcome(L) == WAIT_CANCELLED ? MP_FAULT_CANCELLED : MP_FAULT_WAIT_TIMEOUT;
}

double *binding_deadline(lua_State *L) {
    binding_state *state = binding_state_of(L);
    binding_task *task = binding_running_task(state);
    if (task)
        return binding_task_of(L) == task ? &task->deadline : NULL;
    return L == state->L ? &state->driver->deadline : NULL;
}

double binding_rest(lua_State *L) {
    const double *deadline = binding_deadline(L);
    return deadline && *deadline > 0 ? fmax(*deadline - mp_loop_now(), 0) : HUGE_VAL;
}

/* --- moonport.sleep ------------------------------------------------------------------------------------- */

/* Context 1: a deadline comes before the end of the sleep. */
static int sleep_over(lua_State *L, int status, lua_KContext context) {
    (void)status;
    if (context == 1 && binding_outcome(L) == WAIT_TIMED_OUT)
        return binding_fail(L, "sleep", MP_FAULT_WAIT_TIMEOUT);
    lua_pushboolean(L, 1);
    return 1;
}

/* moonport.sleep(msec) -> true | nil, message, code */
static int module_sleep(lua_State *L) {
    binding_takes(L, 1);
    (void)luaL_checknumber(L, 1);
    binding_wait_request request = {.msec = binding_check_msec(L, 1, 0)};
    double rest = binding_rest(L);
    bool cut = rest < HUGE_VAL && (request.msec < 0 || rest < request.msec);
    return binding_suspend(L, &request, sleep_over, cut);
}

void binding_open_waits(lua_State *L, binding_state *state) {
    state->driver = binding_allocate(L, sizeof *state->driver);
}

const luaL_Reg binding_wait_functions[] = {{"sleep", module_sleep}, {NULL, NULL}};
