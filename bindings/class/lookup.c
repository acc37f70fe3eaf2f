/*
 * moonport.lookup. A look-up is an object that no script sees: the caller waits on it, and it goes with the
 * call. So it is no member of a run, which would have to be told of the run's end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/lookup.h"

#include <string.h>

#include "net/host_lookup.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/class.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"
#include "run/wait.h"

enum { STEP_WAKE = 1 };

typedef struct name_lookup {
    mp_object object;
    mp_host_lookup lookup;
    bool over;
} name_lookup;

static bool is_active(const mp_object *object) {
    return !((const name_lookup *)object)->over;
}

static void step(mp_object *object, int number) {
    (void)number;
    binding_wake(object, ~UINT64_C(0));
}

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_LOOKUP, is_active, step, NULL, NULL};

static void done(mp_host_lookup *lookup) {
    name_lookup *self = MP_CONTAINER(lookup, name_lookup, lookup);
    self->over = true;
    mp_object_defer(&self->object, STEP_WAKE);
}

static void destroy(mp_object *object) {
    mp_host_lookup_end(&((name_lookup *)object)->lookup);
    mp_object_destroy(object);
}

static int lookup_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

static bool is_over(const binding_wait *wait) {
    return ((const name_lookup *)wait->object)->over;
}

static int fail(lua_State *L, enum mp_fault fault) {
    const char *name = binding_shown(L, lua_tostring(L, 2));
    return binding_fail(L, lua_pushfstring(L, "lookup %s", name), fault);
}

/* Stack: 1 look-up, 2 name -> array of addresses, seconds | nil, message, code */
static int looked_up(lua_State *L, int status, lua_KContext context) {
    name_lookup *self = (name_lookup *)binding_object(lua_touserdata(L, 1));
    const mp_address *address;
    (void)status;
    (void)context;
    if (!self->over) {
        self->over = true;
        mp_host_lookup_end(&self->lookup);
        mp_object_check(&self->object);
        return fail(L, MP_FAULT_CANCELLED);
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
    binding_box *box = binding_new_box(L, state, CLASS_LOOKUP, sizeof(name_lookup));
    name_lookup *self = (name_lookup *)binding_object(box);
    mp_object_init(&self->object, state->loop, &behaviour);
    self->over = true; /* for the case that what follows raises */
    lua_insert(L, 1);
    int result = mp_host_lookup_start(&self->lookup, mp_network_of(state->loop), name, protocol, done);
    if (result < 0)
        return fail(L, mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -result));
    if (result == 1)
        return looked_up(L, LUA_OK, 0);
    self->over = false;
    binding_wait_request request = {
        .object = &self->object, .test = is_over, .signals = ~UINT64_C(0), .msec = -1};
    return binding_suspend(L, &request, looked_up, 0);
}

void binding_open_lookup(lua_State *L, binding_state *state) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    binding_new_class(L, state, CLASS_LOOKUP, "Lookup", none);
    lua_pop(L, 1);
    lua_pushcfunction(L, lookup_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

const luaL_Reg binding_lookup_functions[] = {{"lookup", module_lookup}, {NULL, NULL}};
