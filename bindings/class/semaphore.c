/*
 * Semaphore: so many at once. acquire gives a token, which gives its permit back when it is closed, released
 * or collected; so a task that is cancelled or fails gives it back too. The token is made before the wait, so
 * that a permit that was taken needs no memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/semaphore.h"

#include <assert.h>

#include "object/class.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/gate.h"

typedef struct semaphore {
    binding_gate gate;
    lua_Integer free, total;
} semaphore;

/* A SemaphoreToken userdata; its user value is the semaphore. */
typedef struct token {
    bool held;
} token;

static bool has_free(const mp_object *object) {
    return ((const semaphore *)object)->free > 0;
}

static bool can_take(const binding_wait *wait) {
    return has_free(wait->object);
}

static void wake(mp_object *object, int number) {
    (void)number;
    binding_gate_wakes(object);
    binding_wake_while(object, ~UINT64_C(0), has_free);
}

static const mp_behaviour behaviour = BINDING_GATE(CLASS_SEMAPHORE, wake);

static semaphore *check_semaphore(lua_State *L, int parameters) {
    return (semaphore *)binding_check_gate(L, parameters, CLASS_SEMAPHORE);
}

/* The stack of an acquire: 1 semaphore, 2 the time at which it is over, 3 token. */
static int take(lua_State *L, semaphore *self) {
    assert(self->free > 0);
    self->free--;
    ((token *)lua_touserdata(L, 3))->held = true;
    return 1;
}

static int go_on_acquiring(lua_State *L, int status, lua_KContext context);

static int wait_for_permit(lua_State *L, semaphore *self) {
    const binding_wait_request request = {.test = can_take, .signals = ~UINT64_C(0)};
    return binding_wait_at_gate(L, &self->gate, &request, 2, "acquire", go_on_acquiring);
}

static int go_on_acquiring(lua_State *L, int status, lua_KContext context) {
    semaphore *self = check_semaphore(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (binding_outcome(L) == WAIT_READY)
        return self->free > 0 ? take(L, self) : wait_for_permit(L, self);
    return binding_fail(L, "acquire", binding_wait_fault(L));
}

/* semaphore:acquire([msec = -1]) -> token | nil, message, code */
static int semaphore_acquire(lua_State *L) {
    semaphore *self = check_semaphore(L, 1);
    binding_note_deadline(L, 2);
    token *new = binding_new_value(L, binding_state_of(L), CLASS_TOKEN, sizeof(token), 1);
    new->held = false;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 3, 1);
    if (self->free > 0 && !binding_gate_is_taken(&self->gate))
        return take(L, self);
    return wait_for_permit(L, self);
}

/* semaphore:available() -> integer */
static int semaphore_available(lua_State *L) {
    lua_pushinteger(L, check_semaphore(L, 0)->free);
    return 1;
}

/* tostring(semaphore) */
static int semaphore_tostring(lua_State *L) {
    const semaphore *self = check_semaphore(L, BINDING_ANY);
    lua_pushfstring(L, "Semaphore(%I of %I available)", (LUAI_UACINT)self->free, (LUAI_UACINT)self->total);
    return 1;
}

/* moonport.Semaphore(n) -> semaphore */
int binding_new_semaphore(lua_State *L) {
    binding_takes(L, 1);
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n > 0, 1, "a semaphore has at least one permit");
    semaphore *self = (semaphore *)binding_new_gate(L, CLASS_SEMAPHORE, sizeof(semaphore), &behaviour);
    self->free = self->total = n;
    return 1;
}

/* --- tokens --------------------------------------------------------------------------------------------- */

/* The permit of the token at index 1 returns. */
static void give_back(lua_State *L) {
    token *self = lua_touserdata(L, 1);
    if (!self->held)
        return;
    self->held = false;
    lua_getiuservalue(L, 1, 1);
    semaphore *of = (semaphore *)binding_object(lua_touserdata(L, -1));
    if (!of->gate.object.loop)
        return; /* finalised before */
    of->free++;
    assert(of->free <= of->total);
    binding_open_gate(&of->gate);
}

/* token:release(): gives the permit back; does nothing the second time */
static int token_release(lua_State *L) {
    (void)binding_check_userdata(L, 1, CLASS_TOKEN);
    give_back(L);
    return 0;
}

static int token_gc(lua_State *L) {
    give_back(L);
    return 0;
}

/* tostring(token) */
static int token_tostring(lua_State *L) {
    const token *self = binding_check_userdata(L, 1, CLASS_TOKEN);
    lua_pushfstring(L, "SemaphoreToken(%s)", self->held ? "held" : "released");
    return 1;
}

void binding_open_semaphore(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {
        {"acquire", semaphore_acquire}, {"available", semaphore_available}, {NULL, NULL}};
    static const luaL_Reg token_methods[] = {{"release", token_release}, {NULL, NULL}};
    binding_new_gate_class(L, state, CLASS_SEMAPHORE, methods, semaphore_tostring, NULL);
    binding_new_class(L, state, CLASS_TOKEN, token_methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, token_gc);
    lua_setfield(L, -2, "__gc");
    binding_set_function(L, state, "__tostring", token_tostring);
    binding_set_function(L, state, "__close", token_release);
    lua_pop(L, 1);
}
