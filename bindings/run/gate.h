/*
 * Gates: objects that only code of the script opens, and at which tasks wait (Semaphore, Condition, Channel).
 *
 * What a gate gives away (a permit, a value) is taken by the task that goes on, not when it is woken: so one
 * that is cancelled in between takes nothing. Waits are woken in the order in which they began. A caller that
 * finds something to take doesn't overtake them: while a wake-up is due, it waits as well.
 *
 * A gate is no member of a run. It lives as long as something refers to it or waits at it, also over a
 * reload.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_GATE_H
#define BINDING_GATE_H

#include "run/wait.h"

typedef struct binding_gate {
    mp_object object;
    bool due; /* a step is queued that wakes who waits */
} binding_gate;

/* Pushes a new gate of `class`, zeroed but for its beginning. `behaviour` is made by BINDING_GATE. */
binding_gate *binding_new_gate(lua_State *L, int class, size_t size, const mp_behaviour *behaviour);

/* The behaviour of a class of gates, whose step is `wake`; it begins with binding_gate_wakes. */
#define BINDING_GATE(class, wake)                                                                            \
    { (enum mp_kind)(class), binding_gate_is_active, wake, NULL, NULL }
bool binding_gate_is_active(const mp_object *object);

static inline void binding_gate_wakes(mp_object *object) {
    ((binding_gate *)object)->due = false;
}

/* The gate at index 1, of a method that takes `parameters` arguments besides it. */
binding_gate *binding_check_gate(lua_State *L, int parameters, int class);

/* Something may be taken now, or ended: wakes who waits, as soon as the running code returns or waits. */
void binding_open_gate(binding_gate *gate);

/* True if somebody who waits comes first. */
static inline bool binding_gate_is_taken(binding_gate *gate) {
    return gate->due && gate->object.awaited;
}

/* Replaces the msec at `index`, for ever by default, by the time at which it is over. */
void binding_note_deadline(lua_State *L, int index);

/* Waits at the gate until `test`, or until the time at `index`, and then calls `k`. A time that is over fails
   without a wait: nil, message, code, beginning with `what`. */
int binding_wait_at_gate(lua_State *L, binding_gate *gate, const binding_wait_request *request, int index,
                         const char *what, lua_KFunction k);

/* The finaliser of a gate. */
int binding_gate_gc(lua_State *L);

/* Makes the metatable of a class of gates; the stack stays as it is. */
void binding_new_gate_class(lua_State *L, binding_state *state, int class, const luaL_Reg *methods,
                            lua_CFunction to_string, lua_CFunction close);

#endif
