/*
 * Waits: a task is suspended until a signal of an object satisfies a test, or until a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WAIT_H
#define BINDING_WAIT_H

#include "run/task.h"

/* Who runs the loop, and when that ends. */
typedef struct binding_driver {
    bool looping; /* the loop runs already */
    bool quitting;
    int quit_status;
    int outcome;     /* of the last wait that drove the loop */
    double deadline; /* as a task's, for the main program */
} binding_driver;

/* Stack slots of the main thread that calling handlers needs; the code that runs the loop provides them. */
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
 * Suspends the caller until `test` is true after one of `signals`, or until the time is up. Then it calls and
 * returns `k`, to which binding_outcome says how the wait ended. Raises "cannot wait here" below a C function
 * or in a coroutine of the script's own. A C function that calls it returns its result.
 */
int binding_suspend(lua_State *L, const binding_wait_request *request, lua_KFunction k, lua_KContext context);

/* Would binding_suspend, or does it raise? */
bool binding_can_wait(lua_State *L);

/* How the last wait of the caller ended. */
int binding_outcome(lua_State *L);

/* Why the last wait of the caller failed: it was cancelled, or its time was up. */
enum mp_fault binding_wait_fault(lua_State *L);

/* The deadline by which all waits of the caller end, see task.h. NULL: it is a coroutine of the script's own,
   where nothing can wait. */
double *binding_deadline(lua_State *L);

/* Milliseconds until the caller's deadline, 0 if it has passed; infinite if there is none. A wait that is
   resumed to wait again compares it with what it has left. */
double binding_rest(lua_State *L);

/* Ends the waits on `object` that one of `signals` satisfies. */
void binding_wake(mp_object *object, uint64_t signals);

/* The same, the longest wait first, only as long as `more` says so before each. */
void binding_wake_while(mp_object *object, uint64_t signals, bool (*more)(const mp_object *object));

/* True if a wait on `object` has that test. */
bool binding_is_awaited(mp_object *object, bool (*test)(const binding_wait *wait));

/* Ends the waits on `object` from the loop, as if their time were up: for an end that has no signal. */
void binding_expire_waits(mp_object *object);

/* The finaliser of an object, which is at index 1: ends its waits, has `destroy` end its C object, and
   forgets it. */
int binding_finalise(lua_State *L, void (*destroy)(mp_object *object));

/* Prepares the state for waits. Raises on lack of memory. */
void binding_open_waits(lua_State *L, binding_state *state);

/* sleep, for the module's table. */
extern const luaL_Reg binding_wait_functions[];

#endif
