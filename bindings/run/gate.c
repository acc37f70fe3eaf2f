/*
 * Gates; see gate.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/gate.h"

#include <math.h>

#include "object/arguments.h"
#include "object/class.h"
#include "object/result.h"
#include "object/surplus.h"

enum { STEP_WAKE = 1 };

/* Nothing happens to a gate at which nobody waits. */
bool binding_gate_is_active(const mp_object *object) {
    (void)object;
    return false;
}

binding_gate *binding_new_gate(lua_State *L, int class, size_t size, const mp_behaviour *behaviour) {
    binding_state *state = binding_state_of(L);
    binding_gate *gate = (binding_gate *)binding_object(binding_new_box(L, state, class, size));
    mp_object_init(&gate->object, state->loop, behaviour);
    return gate;
}

binding_gate *binding_check_gate(lua_State *L, int parameters, int class) {
    binding_takes(L, 1 + parameters);
    binding_gate *gate = (binding_gate *)binding_object(binding_check_userdata(L, 1, class));
    if (!gate->object.loop)
        luaL_argerror(L, 1, "the object has been collected");
    return gate;
}

void binding_open_gate(binding_gate *gate) {
    if (gate->due || !gate->object.awaited)
        return;
    gate->due = true;
    mp_object_defer(&gate->object, STEP_WAKE);
}

void binding_note_deadline(lua_State *L, int index) {
    double msec = binding_check_msec(L, index, -1);
    lua_settop(L, index);
    lua_pushnumber(L, msec < 0 ? HUGE_VAL : msec > 0 ? mp_loop_now() + msec : 0);
    lua_replace(L, index);
}

int binding_wait_at_gate(lua_State *L, binding_gate *gate, const binding_wait_request *request, int index,
                         const char *what, lua_KFunction k) {
    binding_wait_request timed = *request;
    double deadline = lua_tonumber(L, index);
    timed.object = &gate->object;
    timed.msec = isinf(deadline) ? -1 : deadline - mp_loop_now();
    if (deadline == 0 || (timed.msec <= 0 && timed.msec != -1))
        return binding_fail(L, what, MP_FAULT_WAIT_TIMEOUT);
    return binding_suspend(L, &timed, k, 0);
}

int binding_gate_gc(lua_State *L) {
    return binding_finalise(L, mp_object_destroy);
}

void binding_new_gate_class(lua_State *L, binding_state *state, int class, const luaL_Reg *methods,
                            lua_CFunction to_string, lua_CFunction close) {
    binding_new_class(L, state, class, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, binding_gate_gc);
    lua_setfield(L, -2, "__gc");
    binding_set_function(L, state, "__tostring", to_string);
    if (close)
        binding_set_function(L, state, "__close", close);
    lua_pop(L, 1);
}
