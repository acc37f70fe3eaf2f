/*
 * socket:sendFile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "class/pipe.h"

#include "net/file_sender.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "run/operation.h"
#include "system/splice.h"
#include "system/system.h"

typedef struct file_sender {
    binding_operation operation;
    mp_file_sender sender;
} file_sender;

static bool is_active(const mp_object *object) {
    return ((const file_sender *)object)->sender.running;
}

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_FILE_SENDER, is_active, binding_operation_step,
                                       NULL, NULL};

static void done(mp_file_sender *sender) {
    binding_operation_done(&MP_CONTAINER(sender, file_sender, sender)->operation);
}

static void destroy(mp_object *object) {
    mp_file_sender_end(&((file_sender *)object)->sender);
    mp_object_destroy(object);
}

static int sender_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

static file_sender *check_sender(lua_State *L) {
    return (file_sender *)binding_operation_at_1(L);
}

static void end(file_sender *self) {
    if (self->operation.over)
        return;
    self->operation.over = true;
    mp_file_sender_end(&self->sender);
    mp_object_check(&self->operation.object);
}

/* The caller's task is over, perhaps before the file was sent. */
static int sender_close(lua_State *L) {
    file_sender *self = check_sender(L);
    if (self->operation.object.loop)
        end(self);
    return 0;
}

/* Stack: 1 sender -> bytes | nil, message, code, bytes */
static int file_sent(lua_State *L, int status, lua_KContext context) {
    file_sender *self = check_sender(L);
    enum mp_fault fault = self->sender.fault;
    (void)status;
    (void)context;
    if (!self->operation.over) {
        fault = binding_wait_fault(L);
        end(self);
    }
    int count = fault == MP_FAULT_NONE ? 0 : binding_fail(L, "sendFile", fault);
    lua_pushinteger(L, (lua_Integer)self->sender.sent);
    return count + 1;
}

/* Raises unless index 2 is a path or an open file. */
static void check_file(lua_State *L) {
    const luaL_Stream *file = luaL_testudata(L, 2, LUA_FILEHANDLE);
    size_t length;
    if (file) {
        luaL_argcheck(L, file->closef, 2, "the file is closed");
        return;
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_typeerror(L, 2, "path or file");
    const char *path = lua_tolstring(L, 2, &length);
    luaL_argcheck(L, strlen(path) == length, 2, "a path can't contain a zero byte");
}

/* The file at index 3. -> a descriptor of it, or -errno */
static int open_file(lua_State *L) {
    const luaL_Stream *file = luaL_testudata(L, 3, LUA_FILEHANDLE);
    if (!file)
        return mp_system_open_to_send(lua_tostring(L, 3));
    (void)fflush(file->f);
    return mp_system_copy_descriptor(fileno(file->f));
}

/* nil, message, code, 0 */
static int open_failed(lua_State *L, int error) {
    const char *name = lua_type(L, 3) == LUA_TSTRING ? binding_shown(L, lua_tostring(L, 3)) : "the file";
    lua_pushnil(L);
    lua_pushfstring(L, "sendFile: %s: %s", name,
                    error == ENXIO ? "not a regular file" : strerror(error)); // NOLINT(concurrency-mt-unsafe)
    lua_pushstring(L, mp_fault_code(MP_FAULT_FILE_NOT_OPEN));
    lua_pushinteger(L, 0);
    return 4;
}

static void start(file_sender *self, mp_stream *stream, int fd, lua_Integer offset, lua_Integer length) {
    int64_t size = mp_system_file_size(fd);
    if (length < 0)
        length = size > offset ? size - offset : 0;
    self->operation.over = false;
    enum mp_fault fault = mp_file_sender_start(&self->sender, stream, fd, offset, (uint64_t)length, done);
    if (fault == MP_FAULT_NONE)
        return;
    mp_system_close(fd);
    self->operation.over = true;
    self->sender.fault = (uint8_t)fault;
    mp_object_check(&self->operation.object);
    mp_object_check(&stream->object);
}

/* socket:sendFile(path or file[, offset = 0[, length]]) -> bytes | nil, message, code, bytes */
static int tcp_socket_send_file(lua_State *L) {
    binding_state *state = binding_state_of(L);
    mp_stream *stream = binding_check(L, 3, mp_stream, MP_TCP_SOCKET);
    lua_Integer offset = lua_isnoneornil(L, 3) ? 0 : (lua_Integer)binding_check_size(L, 3, "the offset");
    lua_Integer length = lua_isnoneornil(L, 4) ? -1 : (lua_Integer)binding_check_size(L, 4, "the length");
    if (stream->open_mode & MP_MOVED)
        return binding_fail(L, "sendFile", mp_stream_moved_fault(stream));
    if (!binding_can_wait(L))
        return luaL_error(L, "cannot wait here");
    check_file(L);
    binding_anchor(L, 1, &stream->object);
    lua_settop(L, 2);
    file_sender *self = (file_sender *)binding_new_operation(L, state, sizeof *self, &behaviour);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, 1); /* the stream stays */
    binding_anchor(L, 1, &self->operation.object);
    lua_toclose(L, 1);
    int fd = open_file(L);
    if (fd < 0) {
        mp_object_check(&self->operation.object);
        mp_object_check(&stream->object);
        return open_failed(L, -fd);
    }
    start(self, stream, fd, offset, length);
    return binding_wait_for_operation(L, &self->operation, file_sent);
}

void binding_open_file_sender(lua_State *L, binding_state *state) {
    binding_open_operation(L, state, CLASS_FILE_SENDER, sender_gc, sender_close);
}

const luaL_Reg binding_socket_files[] = {{"sendFile", tcp_socket_send_file}, {NULL, NULL}};
