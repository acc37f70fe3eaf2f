/*
 * See operation.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/operation.h"

#include "object/box.h"
#include "object/class.h"

enum { STEP_OVER = 1 };

bool binding_operation_is_active(const mp_object *object) {
    return !((const binding_operation *)object)->over;
}

void binding_operation_step(mp_object *object, int number) {
    (void)number;
    binding_wake(object, ~UINT64_C(0));
}

binding_operation *binding_new_operation(lua_State *L, binding_state *state, size_t size,
                                         const mp_behaviour *behaviour) {
    binding_box *box = binding_new_box(L, state, (int)behaviour->kind, size);
    binding_operation *operation = (binding_operation *)binding_object(box);
    mp_object_init(&operation->object, state->loop, behaviour);
    operation->over = true;
    lua_insert(L, 1);
    return operation;
}

void binding_operation_done(binding_operation *operation) {
    operation->over = true;
    mp_object_defer(&operation->object, STEP_OVER);
}

static bool is_over(const binding_wait *wait) {
    return ((const binding_operation *)wait->object)->over;
}

int binding_wait_for_operation(lua_State *L, binding_operation *operation, lua_KFunction k) {
    if (operation->over)
        return k(L, LUA_OK, 0);
    binding_wait_request request = {
        .object = &operation->object, .test = is_over, .signals = ~UINT64_C(0), .msec = -1};
    return binding_suspend(L, &request, k, 0);
}

void binding_open_operation(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                            lua_CFunction close) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    binding_new_class(L, state, class, none);
    lua_pop(L, 1);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    if (close) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
    }
    lua_pop(L, 1);
}
