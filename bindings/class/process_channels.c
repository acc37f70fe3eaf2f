/*
 * The channels of a Process: standard output and standard error.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "class/process.h"
#include "net/stream_input.h"
#include "net/stream_limits.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/suggestion.h"

const char *const binding_channel_names[] = {"StandardOutput", "StandardError", NULL};

static enum mp_process_channel check_channel(lua_State *L, int index) {
    return (enum mp_process_channel)binding_check_name(L, index, "channel", binding_listed_name,
                                                       binding_channel_names);
}

static void set_channel(lua_State *L, binding_process *self, enum mp_process_channel channel,
                        const char *what) {
    int result = mp_process_set_channel(&self->process, channel);
    if (result == -EBUSY)
        luaL_error(L, "%s: within a transaction or a pipe", what);
    if (result < 0)
        luaL_error(L, "%s: out of memory", what);
}

/* process:setReadChannel("StandardOutput" or "StandardError") */
static int process_set_read_channel(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    set_channel(L, self, check_channel(L, 2), "setReadChannel");
    return 0;
}

/* process:readChannel() -> "StandardOutput" or "StandardError" */
static int process_read_channel(lua_State *L) {
    lua_pushstring(L, binding_channel_names[binding_check_process(L, 0)->process.current]);
    return 1;
}

/* process:closeReadChannel("StandardOutput" or "StandardError"); what comes from it is dropped */
static int process_close_read_channel(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    mp_process_close_channel(&self->process, check_channel(L, 2));
    return 0;
}

/* Takes what is unread of a channel, whichever is current. */
static int read_all(lua_State *L, enum mp_process_channel channel, const char *what) {
    binding_process *self = binding_check_process(L, 0);
    mp_stream *stream = &self->process.tcp.stream;
    enum mp_process_channel current = self->process.current;
    size_t size;
    set_channel(L, self, channel, what);
    const char *data = mp_stream_peek(stream, &size);
    /* The string comes first: the next may be refused for want of memory, and nothing is lost. */
    lua_pushlstring(L, data, size);
    if (channel == self->process.current)
        mp_stream_consume(stream, size);
    set_channel(L, self, current, what);
    binding_note_input(stream->object.loop->owner, size);
    return 1;
}

/* process:readAllStandardOutput() -> string, "" if nothing is there */
static int process_read_all_standard_output(lua_State *L) {
    return read_all(L, MP_STANDARD_OUTPUT, "readAllStandardOutput");
}

/* process:readAllStandardError() -> string, "" if nothing is there */
static int process_read_all_standard_error(lua_State *L) {
    return read_all(L, MP_STANDARD_ERROR, "readAllStandardError");
}

/* process:readChannelCount() -> 2 while it is open for reading, else 0 */
static int process_read_channel_count(lua_State *L) {
    lua_pushinteger(L, binding_check_process(L, 0)->process.tcp.stream.open_mode & MP_READ_ONLY ? 2 : 0);
    return 1;
}

/* process:setReadBufferSize(n); 0 = no limit. Each channel has a buffer. */
static int process_set_read_buffer_size(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    mp_stream *stream = &self->process.tcp.stream;
    size_t size = binding_check_size(L, 2, "the read buffer's size");
    mp_limits *limits = mp_stream_own_limits(stream);
    if (!limits)
        return luaL_error(L, "out of memory");
    limits->read_buffer = size;
    if (mp_stream_apply_limits(stream) < 0)
        return luaL_error(L, "out of memory");
    mp_process_apply_limits(&self->process);
    return 0;
}

const luaL_Reg binding_process_channels[] = {
    {"setReadChannel", process_set_read_channel},
    {"readChannel", process_read_channel},
    {"closeReadChannel", process_close_read_channel},
    {"readAllStandardOutput", process_read_all_standard_output},
    {"readAllStandardError", process_read_all_standard_error},
    {"readChannelCount", process_read_channel_count},
    {"setReadBufferSize", process_set_read_buffer_size},
    {NULL, NULL},
};
