/*
 * Condition: tasks wait until another one notifies them. A notification is for those who wait at that time,
 * in the order in which they began, and is lost if nobody does. If the one it was for ends first, the next
 * gets it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/condition.h"

#include "object/result.h"
#include "object/surplus.h"
#include "run/gate.h"

typedef struct condition {
    binding_gate gate;
    uint64_t arrivals; /* waits that ever began */
    uint64_t limit;    /* the last of them that the notifications are for */
    uint64_t notified; /* waits that the next step wakes */
} condition;

static bool has_notified(const mp_object *object) {
    return ((const condition *)object)->notified > 0;
}

/* Uses one notification. A task that goes on later may end before that: it leaves the notification to the
   next one as well. */
static bool is_notified(const binding_wait *wait) {
    condition *self = (condition *)wait->object;
    if (self->notified == 0 || wait->mark > self->limit || (wait->task && binding_has_retired(wait->task)))
        return false;
    if (!wait->task || !wait->task->kind->woken)
        self->notified--;
    return true;
}

static void wake(mp_object *object, int number) {
    condition *self = (condition *)object;
    (void)number;
    binding_gate_wakes(object);
    binding_wake_while(object, ~UINT64_C(0), has_notified);
    if (!self->gate.due)
        self->notified = 0;
}

static const mp_behaviour behaviour = BINDING_GATE(CLASS_CONDITION, wake);

static condition *check_condition(lua_State *L, int parameters) {
    return (condition *)binding_check_gate(L, parameters, CLASS_CONDITION);
}

static int waited(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    if (binding_outcome(L) != WAIT_READY)
        return binding_fail(L, "wait", binding_wait_fault(L));
    lua_pushboolean(L, 1);
    return 1;
}

/* condition:wait([msec = -1]) -> true | nil, message, code */
static int condition_wait(lua_State *L) {
    condition *self = check_condition(L, 1);
    binding_note_deadline(L, 2);
    const binding_wait_request request = {
        .test = is_notified, .signals = ~UINT64_C(0), .mark = ++self->arrivals};
    return binding_wait_at_gate(L, &self->gate, &request, 2, "wait", waited);
}

static void notify(condition *self, uint64_t count) {
    if (!self->gate.object.awaited)
        return;
    self->limit = self->arrivals;
    self->notified += count;
    binding_open_gate(&self->gate);
}

/* condition:notify(): wakes the one that has waited longest */
static int condition_notify(lua_State *L) {
    notify(check_condition(L, BINDING_ANY), 1);
    return 0;
}

/* condition:notifyAll(): wakes all that wait now */
static int condition_notify_all(lua_State *L) {
    condition *self = check_condition(L, BINDING_ANY);
    self->notified = 0;
    notify(self, self->arrivals);
    return 0;
}

/* tostring(condition) */
static int condition_tostring(lua_State *L) {
    const condition *self = check_condition(L, BINDING_ANY);
    lua_pushfstring(L, "Condition(%s)", self->gate.object.awaited ? "awaited" : "nobody waits");
    return 1;
}

/* moonport.Condition() -> condition */
int binding_new_condition(lua_State *L) {
    binding_takes(L, 0);
    (void)binding_new_gate(L, CLASS_CONDITION, sizeof(condition), &behaviour);
    return 1;
}

void binding_open_condition(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {{"wait", condition_wait},
                                       {"notify", condition_notify},
                                       {"notifyAll", condition_notify_all},
                                       {NULL, NULL}};
    binding_new_gate_class(L, state, CLASS_CONDITION, methods, condition_tostring, NULL);
}
