/*
 * Waits: a task is suspended until a signal of an object satisfies a test, or until a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WAIT_H
#define BINDING_WAIT_H

#include "run/task.h"

/* Who runs the loop, and how that is to end. */
typedef struct binding_driver {
    bool looping; /* it runs: nothing may drive it again */
    bool quitting;
    int quit_status;
    int outcome; /* of the last wait that drove the loop */
} binding_driver;

/* Stack slots of the main thread that the door to the handlers needs; whoever drives the loop provides
   them. */
#define BINDING_STACK 64

/* What a wait is for. */
typedef struct binding_wait_request {
    mp_object *object; /* whose userdata is at index 1; NULL: only time */
    bool (*test)(const binding_wait *wait);
    uint64_t signals;
    uint64_t mark;
    bool lets_close;
    double msec; /* negative or infinite: for ever */
} binding_wait_request;

/*
 * Suspends the caller until `test` is true after one of `signals` or until the time is up, then calls and
 * returns `k`, which finds how it ended with binding_outcome. Raises "cannot wait here" where a C function or
 * a coroutine of the script's own stands in between. A C function that calls it returns its result.
 */
int binding_suspend(lua_State *L, const binding_wait_request *request, lua_KFunction k, lua_KContext context);

/* How the last wait of the caller ended. */
int binding_outcome(lua_State *L);

/* Ends the waits on `object` that one of `signals` satisfies. */
void binding_wake(mp_object *object, uint64_t signals);

/* Ends the waits on `object` from the loop, as if their time were up: for an end that no signal tells. */
void binding_expire_waits(mp_object *object);

/* The finaliser of an object, which is at index 1: ends its waits, has `destroy` end its C object, and
   forgets it. */
int binding_finalise(lua_State *L, void (*destroy)(mp_object *object));

/* Makes what waits need of the state. Raises on lack of memory. */
void binding_open_waits(lua_State *L, binding_state *state);

/* sleep, for the module's table. */
extern const luaL_Reg binding_wait_functions[];

#endif
