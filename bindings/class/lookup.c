/*
 * moonport.lookup.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/lookup.h"

#include <assert.h>
#include <string.h>

#include "net/host_lookup.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"
#include "run/operation.h"

typedef struct name_lookup {
    binding_operation operation;
    mp_host_lookup lookup;
} name_lookup;

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_LOOKUP, binding_operation_is_active,
                                       binding_operation_step, NULL, NULL};

static void done(mp_host_lookup *lookup) {
    binding_operation_done(&MP_CONTAINER(lookup, name_lookup, lookup)->operation);
}

static void destroy(mp_object *object) {
    mp_host_lookup_end(&((name_lookup *)object)->lookup);
    mp_object_destroy(object);
}

static int lookup_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

static int fail(lua_State *L, enum mp_fault fault) {
    const char *name = binding_shown(L, lua_tostring(L, 2));
    return binding_fail(L, lua_pushfstring(L, "lookup %s", name), fault);
}

/* Stack: 1 lookup, 2 name -> array of addresses, seconds | nil, message, code */
static int looked_up(lua_State *L, int status, lua_KContext context) {
    name_lookup *self = (name_lookup *)binding_operation_at_1(L);
    const mp_address *address;
    (void)status;
    (void)context;
    if (!self->operation.over) {
        self->operation.over = true;
        mp_host_lookup_end(&self->lookup);
        mp_object_check(&self->operation.object);
        return fail(L, binding_wait_fault(L));
    }
    if (!mp_host_lookup_address(&self->lookup, 0))
        return fail(L, self->lookup.fault);
    lua_newtable(L);
    for (size_t i = 0; (address = mp_host_lookup_address(&self->lookup, i)); i++) {
        binding_push_address(L, address);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, self->lookup.lifetime);
    return 2;
}

/* moonport.lookup(name[, protocol = "AnyIPProtocol"]) -> array of addresses, seconds | nil, message, code */
static int module_lookup(lua_State *L) {
    binding_state *state = binding_state_of(L);
    size_t length;
    binding_takes(L, 2);
    const char *name = luaL_checklstring(L, 1, &length);
    luaL_argcheck(L, strlen(name) == length, 1, "a host name can't contain a zero byte");
    enum mp_protocol protocol = binding_check_protocol(L, 2);
    lua_settop(L, 1);
    name_lookup *self = (name_lookup *)binding_new_operation(L, state, sizeof *self, &behaviour);
    int result = mp_host_lookup_start(&self->lookup, mp_network_of(state->loop), name, protocol, done);
    if (result < 0)
        return fail(L, mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -result));
    self->operation.over = result == 1;
    return binding_wait_for_operation(L, &self->operation, looked_up);
}

void binding_open_lookup(lua_State *L, binding_state *state) {
    binding_open_operation(L, state, CLASS_LOOKUP, lookup_gc, NULL);
}

const luaL_Reg binding_lookup_functions[] = {{"lookup", module_lookup}, {NULL, NULL}};
