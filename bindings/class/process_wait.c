/*
 * Waiting for a Process. Each wait suspends only the calling handler (D2).
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/process.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/generation.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"

#define QT_WAIT 30000.0

#define BIT(name) MP_SIGNAL_BIT(MP_SIGNAL_##name)

static const mp_process *process_of(const binding_wait *wait) {
    return (const mp_process *)wait->object;
}

/* nil, message, code: of the wait that ended, or of the process that has failed */
static int fail(lua_State *L, binding_process *self, const char *what, bool waited) {
    const mp_stream *stream = &self->process.tcp.stream;
    if (waited)
        return binding_fail_of(L, what, stream, binding_wait_fault(L));
    bool failed = stream->fault == MP_FAULT_PROCESS_NOT_STARTED || stream->fault == MP_FAULT_NO_PROGRAM;
    return binding_fail_of(L, what, stream, failed ? stream->fault : MP_FAULT_PROCESS_NOT_RUNNING);
}

/* --- waitForStarted ------------------------------------------------------------------------------------- */

static bool has_started(const binding_wait *wait) {
    return process_of(wait)->state != MP_PROCESS_STARTING;
}

static int waited_for_started(lua_State *L, int status, lua_KContext context) {
    binding_process *self = binding_check_process(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (self->process.state == MP_PROCESS_STARTING)
        return fail(L, self, "waitForStarted", true);
    lua_pushboolean(L, 1);
    return 1;
}

/* process:waitForStarted([msec = 30000]) -> true | nil, message, code */
static int process_wait_for_started(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    binding_wait_request request = {.object = &self->process.tcp.stream.object,
                                    .test = has_started,
                                    .signals = BIT(STARTED),
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (self->process.state == MP_PROCESS_NOT_RUNNING)
        return fail(L, self, "waitForStarted", false);
    if (self->process.state == MP_PROCESS_STARTING)
        return binding_suspend(L, &request, waited_for_started, 0);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- waitForFinished ------------------------------------------------------------------------------------ */

static bool has_finished(const binding_wait *wait) {
    return process_of(wait)->runs != wait->mark;
}

static int waited_for_finished(lua_State *L, int status, lua_KContext context) {
    binding_process *self = binding_check_process(L, BINDING_ANY);
    (void)status;
    if (self->process.runs == (uint64_t)context)
        return fail(L, self, "waitForFinished", true);
    lua_pushboolean(L, 1);
    return 1;
}

/* process:waitForFinished([msec = 30000]) -> true | nil, message, code */
static int process_wait_for_finished(lua_State *L) {
    binding_process *self = binding_check_process(L, 1);
    binding_wait_request request = {.object = &self->process.tcp.stream.object,
                                    .test = has_finished,
                                    .signals = BIT(FINISHED),
                                    .mark = self->process.runs,
                                    .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (self->process.state != MP_PROCESS_NOT_RUNNING)
        return binding_suspend(L, &request, waited_for_finished, (lua_KContext)self->process.runs);
    if (!mp_process_has_ended(&self->process))
        return fail(L, self, "waitForFinished", false);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- execute -------------------------------------------------------------------------------------------- */

/* Stack: 1 process */
static int executed(lua_State *L, int status, lua_KContext context) {
    binding_process *self = binding_check_process(L, BINDING_ANY);
    (void)status;
    (void)context;
    if (self->process.runs == 0)
        return fail(L, self, "execute", true); /* and it is closed */
    if (self->process.how.signalled)
        return binding_fail(L, "execute", MP_FAULT_PROCESS_CRASHED);
    lua_pushinteger(L, self->process.how.status);
    return 1;
}

/* Process.execute(program[, arguments]) -> exit status | nil, message, code; waits for its end. The program
   has this process' standard descriptors. */
int binding_process_execute(lua_State *L) {
    binding_takes(L, 2);
    luaL_checkstring(L, 1);
    if (!binding_can_wait(L))
        return luaL_error(L, "cannot wait here");
    lua_settop(L, 2);
    binding_process *self = binding_push_new_process(L);
    binding_set_program(L, self, 1);
    binding_forward_all(self);
    lua_insert(L, 1);
    lua_settop(L, 1);
    int count = binding_start_process(L, self, "execute", MP_READ_WRITE);
    if (count > 1)
        return count;
    lua_settop(L, 1);
    lua_toclose(L, 1); /* if it is cut off, so is the program */
    binding_wait_request request = {.object = &self->process.tcp.stream.object,
                                    .test = has_finished,
                                    .signals = BIT(FINISHED),
                                    .msec = -1};
    return binding_suspend(L, &request, executed, 0);
}

const luaL_Reg binding_process_waiting[] = {
    {"waitForStarted", process_wait_for_started},
    {"waitForFinished", process_wait_for_finished},
    {NULL, NULL},
};
