/*
 * Channel: a queue of values between tasks, with back-pressure. Its values are in a table, the user value.
 * One without capacity takes a value only for somebody who waits for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/channel.h"

#include <assert.h>
#include <math.h>

#include "object/arguments.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/gate.h"

/* Who waits: bits of a wait's signals. */
enum { SENDS = 1, RECEIVES = 2 };

typedef struct channel {
    binding_gate gate;
    lua_Integer first; /* index of the oldest value */
    lua_Integer count, capacity;
    bool closed;
} channel;

/* --- what can be done ----------------------------------------------------------------------------------- */

static bool has_value(const mp_object *object) {
    const channel *self = (const channel *)object;
    return self->count > 0 || self->closed;
}

/* True if more tasks wait for a value than there are values. */
static bool is_wanted(channel *self) {
    binding_wait *first = binding_box_of(&self->gate.object)->waits, *wait = first;
    lua_Integer receivers = 0;
    if (!first)
        return false;
    do {
        if (wait->test && (wait->signals & RECEIVES) && ++receivers > self->count)
            return true;
        wait = wait->next;
    } while (wait != first);
    return false;
}

/* True if those who wait to send, or to receive, have been given something that they haven't taken yet: they
   come first. */
static bool comes_later(channel *self, uint64_t who) {
    binding_wait *first = binding_box_of(&self->gate.object)->waits, *wait = first;
    if (!self->gate.due || !first)
        return false;
    do {
        if (wait->test && (wait->signals & who))
            return true;
        wait = wait->next;
    } while (wait != first);
    return false;
}

static bool has_room(const mp_object *object) {
    channel *self = (channel *)(uintptr_t)object;
    return self->closed || self->count < self->capacity || (self->capacity == 0 && is_wanted(self));
}

static bool can_send(const binding_wait *wait) {
    return has_room(wait->object);
}

static bool can_receive(const binding_wait *wait) {
    return has_value(wait->object);
}

static void wake(mp_object *object, int number) {
    (void)number;
    binding_gate_wakes(object);
    binding_wake_while(object, RECEIVES, has_value);
    binding_wake_while(object, SENDS, has_room);
}

static const mp_behaviour behaviour = BINDING_GATE(CLASS_CHANNEL, wake);

static channel *check_channel(lua_State *L, int parameters) {
    return (channel *)binding_check_gate(L, parameters, CLASS_CHANNEL);
}

static int fail(lua_State *L, const channel *self, const char *what) {
    return binding_fail(L, what, self->closed ? MP_FAULT_CHANNEL_CLOSED : binding_wait_fault(L));
}

/* --- send ----------------------------------------------------------------------------------------------- */

static int go_on_sending(lua_State *L, int status, lua_KContext context);

/* The stack of a send: 1 channel, 2 value, 3 the time at which it is over. */
static int wait_for_room(lua_State *L, channel *self) {
    const binding_wait_request request = {.test = can_send, .signals = SENDS};
    return binding_wait_at_gate(L, &self->gate, &request, 3, "send", go_on_sending);
}

static int put(lua_State *L, channel *self) {
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, self->first + self->count);
    self->count++;
    binding_open_gate(&self->gate);
    lua_pushboolean(L, 1);
    return 1;
}

static int go_on_sending(lua_State *L, int status, lua_KContext context) {
    channel *self = check_channel(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (self->closed || binding_outcome(L) != WAIT_READY)
        return fail(L, self, "send");
    return has_room(&self->gate.object) ? put(L, self) : wait_for_room(L, self);
}

/* channel:send(value[, msec = -1]) -> true | nil, message, code */
static int channel_send(lua_State *L) {
    channel *self = check_channel(L, 2);
    luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "nil can't be sent: receive returns it at the end");
    binding_note_deadline(L, 3);
    if (self->closed)
        return binding_fail(L, "send", MP_FAULT_CHANNEL_CLOSED);
    if (has_room(&self->gate.object) && !comes_later(self, SENDS))
        return put(L, self);
    return wait_for_room(L, self);
}

/* --- receive -------------------------------------------------------------------------------------------- */

static int take(lua_State *L, channel *self) {
    lua_getiuservalue(L, 1, 1);
    lua_rawgeti(L, -1, self->first);
    lua_pushnil(L);
    lua_rawseti(L, -3, self->first);
    assert(self->count > 0);
    self->count--;
    self->first = self->count > 0 ? self->first + 1 : 1;
    binding_open_gate(&self->gate);
    return 1;
}

static int go_on_receiving(lua_State *L, int status, lua_KContext context);

/* The stack of a receive: 1 channel, 2 the time at which it is over, 3 true if it is the iterator's. */
static int wait_for_value(lua_State *L, channel *self) {
    const binding_wait_request request = {.test = can_receive, .signals = RECEIVES};
    /* Somebody may wait to send to a channel without capacity. The step runs later, and finds this wait. */
    if (self->capacity == 0)
        binding_open_gate(&self->gate);
    return binding_wait_at_gate(L, &self->gate, &request, 2, "receive", go_on_receiving);
}

static int receive(lua_State *L, channel *self) {
    if (self->count > 0)
        return take(L, self);
    return self->closed ? fail(L, self, "receive") : wait_for_value(L, self);
}

static int go_on_receiving(lua_State *L, int status, lua_KContext context) {
    channel *self = check_channel(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (binding_outcome(L) == WAIT_READY)
        return receive(L, self);
    return binding_fail(L, "receive", binding_wait_fault(L));
}

static int begin_receiving(lua_State *L, channel *self) {
    binding_note_deadline(L, 2);
    return self->count > 0 && comes_later(self, RECEIVES) ? wait_for_value(L, self) : receive(L, self);
}

/* channel:receive([msec = -1]) -> value | nil, message, code */
static int channel_receive(lua_State *L) {
    return begin_receiving(L, check_channel(L, 1));
}

/* Upvalues: the state, the channel. Ends with the channel, or when a deadline has passed. */
static int next_value(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    return begin_receiving(L, check_channel(L, BINDING_ANY));
}

/* channel:values() -> iterator over the values until the channel is closed and empty */
static int channel_values(lua_State *L) {
    (void)check_channel(L, 0);
    lua_pushlightuserdata(L, binding_state_of(L));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_value, 2);
    return 1;
}

/* --- the rest ------------------------------------------------------------------------------------------- */

/* channel:close(): takes no more values; those that it has can still be received */
static int channel_close(lua_State *L) {
    channel *self = check_channel(L, BINDING_ANY);
    self->closed = true;
    binding_open_gate(&self->gate);
    return 0;
}

/* channel:isClosed() -> boolean */
static int channel_is_closed(lua_State *L) {
    lua_pushboolean(L, check_channel(L, 0)->closed);
    return 1;
}

/* channel:count() -> integer */
static int channel_count(lua_State *L) {
    lua_pushinteger(L, check_channel(L, 0)->count);
    return 1;
}

/* tostring(channel) */
static int channel_tostring(lua_State *L) {
    const channel *self = check_channel(L, BINDING_ANY);
    lua_pushfstring(L, "Channel(%I%s)", (LUAI_UACINT)self->count, self->closed ? ", closed" : "");
    return 1;
}

/* moonport.Channel([capacity = 0]) -> channel */
int binding_new_channel(lua_State *L) {
    binding_takes(L, 1);
    bool endless = lua_type(L, 1) == LUA_TNUMBER && lua_tonumber(L, 1) == HUGE_VAL;
    lua_Integer capacity = endless ? LUA_MAXINTEGER : luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, capacity >= 0, 1, "a channel's capacity isn't negative");
    channel *self = (channel *)binding_new_gate(L, CLASS_CHANNEL, sizeof(channel), &behaviour);
    self->first = 1;
    self->capacity = capacity;
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

void binding_open_channel(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {{"send", channel_send},
                                       {"receive", channel_receive},
                                       {"values", channel_values},
                                       {"close", channel_close},
                                       {"isClosed", channel_is_closed},
                                       {"count", channel_count},
                                       {NULL, NULL}};
    binding_new_gate_class(L, state, CLASS_CHANNEL, methods, channel_tostring, channel_close);
}
