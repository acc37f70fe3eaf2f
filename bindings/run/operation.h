/*
 * An operation that a call begins and waits for, such as a lookup: an object that scripts don't see. It ends
 * with the call, so it is no member of a run, which would have to end it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_OPERATION_H
#define BINDING_OPERATION_H

#include "run/wait.h"

typedef struct binding_operation {
    mp_object object;
    bool over; /* nothing comes of it any more */
} binding_operation;

/* For the behaviour of an operation: it is active until it is over, and its only step wakes the caller. */
bool binding_operation_is_active(const mp_object *object);
void binding_operation_step(mp_object *object, int number);

/* Makes one, and moves it to index 1. It is over until the caller has begun it: what comes between may
   raise. */
binding_operation *binding_new_operation(lua_State *L, binding_state *state, size_t size,
                                         const mp_behaviour *behaviour);

/* The operation at index 1. */
static inline binding_operation *binding_operation_at_1(lua_State *L) {
    return (binding_operation *)binding_object(lua_touserdata(L, 1));
}

/* It is over, also to the caller as soon as the loop comes to it. */
void binding_operation_done(binding_operation *operation);

/* Suspends the caller until it is over, or as binding_suspend says; then calls and returns `k`, with the
   operation at index 1. At once if it is over already. */
int binding_wait_for_operation(lua_State *L, binding_operation *operation, lua_KFunction k);

/* Makes the class; `close`, if any, ends what its caller doesn't wait for any more. */
void binding_open_operation(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                            lua_CFunction close);

#endif
