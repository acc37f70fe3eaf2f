/*
 * moonport.pipe. Only if a reload ends the caller's task it goes on, without anybody who waits for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/pipe.h"

#include <string.h>

#include "net/pipe.h"
#include "net/socket_option.h"
#include "net/stream.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/operation.h"

/* User value 1 is a table of the two streams. */
typedef struct stream_pipe {
    binding_operation operation;
    mp_pipe pipe;
    bool alone; /* its task ended by a reload */
} stream_pipe;

static bool is_active(const mp_object *object) {
    return ((const stream_pipe *)object)->pipe.running;
}

/* Nobody else ends the stream that the other one's failure has left. Its peer shall not take a part for the
   whole. */
static void reset_streams(lua_State *L, stream_pipe *self) {
    binding_push(L, &self->operation.object);
    lua_getiuservalue(L, -1, 1);
    for (int i = 1; i <= 2; i++) {
        lua_rawgeti(L, -1, i);
        mp_stream *stream = (mp_stream *)binding_object(lua_touserdata(L, -1));
        if (stream->object.loop && stream->object.anchor != 0) {
            (void)mp_socket_option_set(mp_stream_descriptor(stream), mp_socket_option_find("LingerOption"),
                                       0);
            mp_stream_abort(stream);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static void step(mp_object *object, int number) {
    stream_pipe *self = (stream_pipe *)object;
    if (self->alone && self->pipe.fault != MP_FAULT_NONE)
        reset_streams(((binding_state *)object->loop->owner)->L, self);
    binding_operation_step(object, number);
}

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_PIPE, is_active, step, NULL, NULL};

static void done(mp_pipe *pipe) {
    binding_operation_done(&MP_CONTAINER(pipe, stream_pipe, pipe)->operation);
}

static void destroy(mp_object *object) {
    mp_pipe_end(&((stream_pipe *)object)->pipe);
    mp_object_destroy(object);
}

static int pipe_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

static stream_pipe *check_pipe(lua_State *L) {
    return (stream_pipe *)binding_operation_at_1(L);
}

static void end(stream_pipe *self) {
    if (self->operation.over)
        return;
    self->operation.over = true;
    mp_pipe_end(&self->pipe);
    mp_object_check(&self->operation.object);
}

/* The caller's task is over, perhaps before the pipe. */
static int pipe_close(lua_State *L) {
    stream_pipe *self = check_pipe(L);
    const binding_task *task = binding_task_of(L);
    if (!self->operation.object.loop)
        return 0;
    if (task && binding_has_retired(task) && !self->operation.over)
        self->alone = true;
    else
        end(self);
    return 0;
}

/* Stack: 1 pipe -> bytes from a to b, bytes from b to a | nil, message, code and these */
static int piped(lua_State *L, int status, lua_KContext context) {
    stream_pipe *self = check_pipe(L);
    enum mp_fault fault = self->pipe.fault;
    (void)status;
    (void)context;
    if (!self->operation.over) {
        fault = binding_wait_fault(L);
        end(self);
    }
    int count = fault == MP_FAULT_NONE ? 0 : binding_fail(L, "pipe", fault);
    for (int i = 0; i < 2; i++)
        lua_pushinteger(L, (lua_Integer)self->pipe.sides[i].out.bytes);
    return count + 2;
}

/* The options at `index`: { idle = msec } */
static double check_idle(lua_State *L, int index) {
    if (lua_isnoneornil(L, index))
        return 0;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        if (!name || strcmp(name, "idle") != 0)
            luaL_argerror(L, index, lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -2, NULL)));
    }
    lua_getfield(L, index, "idle");
    int number = 0;
    double msec = lua_isnil(L, -1) ? 0 : lua_tonumberx(L, -1, &number);
    if (!lua_isnil(L, -1) && (!number || !(msec >= 0)))
        luaL_argerror(L, index, "idle: milliseconds expected");
    lua_pop(L, 1);
    return msec;
}

static mp_stream *check_stream(lua_State *L, int index) {
    return (mp_stream *)binding_object(binding_check_box(L, index, MP_TCP_SOCKET));
}

/* moonport.pipe(a, b[, { idle = msec }]) -> bytes from a to b, bytes from b to a
   | nil, message, code, bytes, bytes */
static int module_pipe(lua_State *L) {
    binding_state *state = binding_state_of(L);
    binding_takes(L, 3);
    mp_stream *a = check_stream(L, 1), *b = check_stream(L, 2);
    luaL_argcheck(L, a != b, 2, "a stream can't be piped to itself");
    double idle = check_idle(L, 3);
    if ((a->open_mode | b->open_mode) & MP_MOVED)
        return binding_fail(L, "pipe", MP_FAULT_PIPED);
    if (!binding_can_wait(L))
        return luaL_error(L, "cannot wait here");
    lua_settop(L, 2);
    binding_anchor(L, 1, &a->object);
    binding_anchor(L, 2, &b->object);
    stream_pipe *self = (stream_pipe *)binding_new_operation(L, state, sizeof *self, &behaviour);
    lua_createtable(L, 2, 0);
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, 1 + i);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, 1, 1);
    lua_settop(L, 1);
    binding_anchor(L, 1, &self->operation.object);
    lua_toclose(L, 1);
    self->operation.over = false;
    enum mp_fault fault = mp_pipe_start(&self->pipe, a, b, idle, done);
    if (fault != MP_FAULT_NONE) {
        self->operation.over = true;
        self->pipe.fault = (uint8_t)fault;
        mp_object_check(&self->operation.object);
        mp_object_check(&a->object);
        mp_object_check(&b->object);
    }
    return binding_wait_for_operation(L, &self->operation, piped);
}

void binding_open_pipe(lua_State *L, binding_state *state) {
    binding_open_operation(L, state, CLASS_PIPE, pipe_gc, pipe_close);
}

const luaL_Reg binding_pipe_functions[] = {{"pipe", module_pipe}, {NULL, NULL}};
