/*
 * moonport.Process: QProcess for Lua. It has a stream's methods for its standard input and the channel that
 * is read. This file has life, starting and ending, and state. How it is set up and started, its channels,
 * and waiting have their own files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "class/limits.h"
#include "class/pipe.h"
#include "class/tcp_socket.h"
#include "net/stream_close.h"
#include "object/arguments.h"
#include "object/class.h"
#include "object/generation.h"
#include "object/object.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"
#include "run/wait.h"

#define check_process(L, parameters) binding_check_process(L, parameters)

/* moonport.Process() -> process */
static int new_process(lua_State *L) {
    lua_remove(L, 1); /* the class */
    binding_takes_none(L, "pass the program to start(program, arguments)");
    binding_push_new_process(L);
    return 1;
}

static void destroy(mp_object *object) {
    binding_process *self = (binding_process *)object;
    luaL_unref(((binding_state *)object->loop->owner)->L, LUA_REGISTRYINDEX, self->settings);
    self->settings = LUA_NOREF;
    free(self->limits);
    self->limits = NULL;
    mp_process_destroy(&self->process);
}

static int process_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* --- names ---------------------------------------------------------------------------------------------- */

static const char *const states[] = {"NotRunning", "Starting", "Running"};

void binding_push_process_argument(lua_State *L, int kind, intptr_t argument) {
    if (kind == MP_ARGUMENT_EXIT)
        (void)binding_push_exit(L, mp_process_exit_of(argument));
    else if (kind == MP_ARGUMENT_PROCESS_STATE)
        lua_pushstring(L, states[argument]);
    else
        lua_pushstring(L, binding_channel_names[argument]);
}

/* --- starting ------------------------------------------------------------------------------------------- */

/* process:start([program[, arguments]][, openMode = "ReadWrite"]) -> true | nil, message, code */
static int process_start(lua_State *L) {
    binding_process *self = check_process(L, 3);
    int open_mode = binding_check_open_mode(L, 4, MP_READ_WRITE);
    if (self->process.state != MP_PROCESS_NOT_RUNNING)
        return binding_fail(L, "start", MP_FAULT_PROCESS_RUNNING);
    binding_set_program(L, self, 2);
    return binding_start_process(L, self, "start", open_mode);
}

/* process:open([openMode = "ReadWrite"]) -> true | nil, message, code; starts the program that is set */
static int process_open(lua_State *L) {
    binding_process *self = check_process(L, 1);
    int open_mode = binding_check_open_mode(L, 2, MP_READ_WRITE);
    return binding_start_process(L, self, "open", open_mode);
}

/* process:startCommand(command[, openMode = "ReadWrite"]) -> true | nil, message, code */
static int process_start_command(lua_State *L) {
    binding_process *self = check_process(L, 2);
    int open_mode = binding_check_open_mode(L, 3, MP_READ_WRITE);
    if (self->process.state != MP_PROCESS_NOT_RUNNING)
        return binding_fail(L, "startCommand", MP_FAULT_PROCESS_RUNNING);
    binding_push_words(L, 2);
    int words = lua_gettop(L);
    luaL_argcheck(L, lua_rawlen(L, words) > 0, 2, "a command has a program");
    lua_rawgeti(L, words, 1);
    lua_newtable(L);
    for (lua_Integer i = 2; lua_rawgeti(L, words, i) != LUA_TNIL; i++)
        lua_rawseti(L, words + 2, i - 1);
    lua_settop(L, words + 2);
    binding_set_program(L, self, words + 1);
    return binding_start_process(L, self, "startCommand", open_mode);
}

/* process:startDetached() -> pid | nil, message, code */
static int process_start_detached(lua_State *L) {
    binding_process *self = check_process(L, 0);
    if (self->process.state != MP_PROCESS_NOT_RUNNING)
        return binding_fail(L, "startDetached", MP_FAULT_PROCESS_RUNNING);
    return binding_start_detached(L, self);
}

/* Process.startDetached(program[, arguments]) -> pid | nil, message, code */
static int class_start_detached(lua_State *L) {
    binding_takes(L, 2);
    luaL_checkstring(L, 1);
    lua_settop(L, 2);
    binding_process *self = binding_push_new_process(L);
    binding_set_program(L, self, 1);
    return binding_start_detached(L, self);
}

/* --- ending --------------------------------------------------------------------------------------------- */

/* process:terminate() ; SIGTERM */
static int process_terminate(lua_State *L) {
    mp_process_signal(&check_process(L, BINDING_ANY)->process, SIGTERM, false);
    return 0;
}

/* process:kill() ; SIGKILL */
static int process_kill(lua_State *L) {
    mp_process_signal(&check_process(L, BINDING_ANY)->process, SIGKILL, false);
    return 0;
}

/* process:killTree([signal = "SIGKILL"]) ; also what it has started itself */
static int process_kill_tree(lua_State *L) {
    binding_process *self = check_process(L, 1);
    mp_process_signal(&self->process, lua_isnoneornil(L, 2) ? SIGKILL : binding_check_exit_signal(L, 2),
                      true);
    return 0;
}

/* process:sendSignal(name) -> true | nil, message, code */
static int process_send_signal(lua_State *L) {
    binding_process *self = check_process(L, 1);
    int number = binding_check_exit_signal(L, 2);
    if (self->process.state == MP_PROCESS_NOT_RUNNING)
        return binding_fail(L, "sendSignal", MP_FAULT_PROCESS_NOT_RUNNING);
    mp_process_signal(&self->process, number, false);
    lua_pushboolean(L, 1);
    return 1;
}

/* process:close() ; kills it if it runs */
static int process_close(lua_State *L) {
    mp_stream *stream = &check_process(L, BINDING_ANY)->process.tcp.stream;
    if (stream->open_mode == MP_NOT_OPEN && !stream->object.behaviour->is_active(&stream->object))
        return 0;
    binding_anchor(L, 1, &stream->object);
    mp_stream_close(stream);
    mp_object_check(&stream->object);
    return 0;
}

/* --- state ---------------------------------------------------------------------------------------------- */

/* process:state() -> "NotRunning", "Starting" or "Running" */
static int process_state(lua_State *L) {
    lua_pushstring(L, states[check_process(L, 0)->process.state]);
    return 1;
}

/* process:processId() -> pid, 0 if it doesn't run */
static int process_process_id(lua_State *L) {
    lua_pushinteger(L, check_process(L, 0)->process.pid);
    return 1;
}

/* process:exitCode() -> exit status, or the number of the signal that ended it; nil before its end */
static int process_exit_code(lua_State *L) {
    const mp_process *process = &check_process(L, 0)->process;
    if (mp_process_has_ended(process))
        lua_pushinteger(L, process->how.status);
    else
        lua_pushnil(L);
    return 1;
}

/* process:exitStatus() -> "NormalExit", or "CrashExit" and the signal's name; nil before its end */
static int process_exit_status(lua_State *L) {
    const mp_process *process = &check_process(L, 0)->process;
    if (mp_process_has_ended(process))
        return binding_push_exit(L, process->how) - 1;
    lua_pushnil(L);
    return 1;
}

static enum mp_fault fault_of(const mp_stream *stream) {
    return mp_process_class.own_fault(stream, stream->fault);
}

/* process:error() -> code of the last error, "UnknownError" if there was none */
static int process_error(lua_State *L) {
    lua_pushstring(L, mp_fault_code(fault_of(&check_process(L, 0)->process.tcp.stream)));
    return 1;
}

/* process:errorString() -> text */
static int process_error_string(lua_State *L) {
    const mp_stream *stream = &check_process(L, 0)->process.tcp.stream;
    lua_pushstring(L, fault_of(stream) == stream->fault ? mp_stream_fault_text(stream)
                                                        : mp_fault_text(fault_of(stream)));
    return 1;
}

/* tostring(process) */
static int process_tostring(lua_State *L) {
    const binding_process *self = check_process(L, BINDING_ANY);
    const char *program = binding_push_program(L, self), *state = states[self->process.state];
    if (*program)
        lua_pushfstring(L, "Process(%s, %s)", program, state);
    else
        lua_pushfstring(L, "Process(%s)", state);
    return 1;
}

/* --- the class ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"start", process_start},
    {"startCommand", process_start_command},
    {"startDetached", process_start_detached},
    {"open", process_open},
    {"terminate", process_terminate},
    {"kill", process_kill},
    {"killTree", process_kill_tree},
    {"sendSignal", process_send_signal},
    {"close", process_close},
    {"state", process_state},
    {"processId", process_process_id},
    {"exitCode", process_exit_code},
    {"exitStatus", process_exit_status},
    {"error", process_error},
    {"errorString", process_error_string},
    {NULL, NULL},
};

/* What a stream has and a process hasn't. */
static bool is_absent(const char *name) {
    static const char *const names[] = {"waitForConnected", "waitForDisconnected", "setHighWaterMark",
                                        "highWaterMark",    "setIdleTimeout",      "idleTimeout",
                                        "setAllowHalfOpen", "allowHalfOpen"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void add_methods(lua_State *L, binding_state *state, const luaL_Reg *list) {
    for (; list->name; list++)
        if (!is_absent(list->name))
            binding_set_function(L, state, list->name, list->func);
}

void binding_open_process(lua_State *L, binding_state *state) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    /* Those that come later replace those of a stream. */
    const luaL_Reg *const parts[] = {binding_socket_device,
                                     binding_socket_reading,
                                     binding_socket_writing,
                                     binding_socket_waiting,
                                     binding_socket_limit_methods,
                                     binding_socket_files,
                                     methods,
                                     binding_process_settings,
                                     binding_process_channels,
                                     binding_process_waiting};
    binding_new_class(L, state, MP_PROCESS, none);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add_methods(L, state, parts[i]);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    binding_finish_class(L, state, MP_PROCESS, process_gc, process_tostring, process_close);
    binding_new_plain_class(L, state, MP_PROCESS);
}

/* Process.nullDevice() -> path */
static int class_null_device(lua_State *L) {
    binding_takes(L, 0);
    lua_pushliteral(L, "/dev/null");
    return 1;
}

void binding_push_process_class(lua_State *L, binding_state *state, int generation) {
    static const luaL_Reg functions[] = {
        {"execute", binding_process_execute},
        {"startDetached", class_start_detached},
        {"splitCommand", binding_process_split_command},
        {"systemEnvironment", binding_process_system_environment},
        {"nullDevice", class_null_device},
        {NULL, NULL},
    };
    generation = lua_absindex(L, generation);
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, generation);
    luaL_setfuncs(L, functions, 2);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushvalue(L, generation);
    lua_pushcclosure(L, new_process, 2);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
}
