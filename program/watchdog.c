/*
 * --handler-timeout; see watchdog.h.
 *
 * A timer of the process's CPU time looks whether the same run of a handler is still going on; only then is a hook set, on
 * the coroutine that runs. So it costs nothing while handlers behave, and an idle process is never woken. The hook stays until
 * the handler has returned: a pcall in the script swallows one error, not all of them. Coroutines of the script's own are
 * interrupted when they come back to their handler.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watchdog.h"

#include <lauxlib.h>

#include "run/task.h"
#include "system/interrupt.h"

/* Looks within one time-out; a handler may run longer than it by one such part. */
#define LOOKS 4

/* A signal handler has no other way to know. */
static program_watchdog *watching;

static void on_late(lua_State *L, lua_Debug *where) {
    (void)where;
    luaL_error(L, "the handler has not returned within %f ms", watching->timeout);
}

static void on_tick(int number) {
    binding_state *state = watching->state;
    binding_task *task = binding_running_task(state);
    (void)number;
    if (!task || state->watch.runs != watching->run) {
        watching->run = state->watch.runs;
        watching->ticks = 0;
    } else if (++watching->ticks >= LOOKS && !state->watch.late) {
        state->watch.late = task->co;
        lua_sethook(task->co, on_late, LUA_MASKCOUNT, 1);
    }
}

bool program_start_watchdog(program_watchdog *watchdog, binding_state *state, double timeout) {
    *watchdog = (program_watchdog){.state = state, .timeout = timeout};
    if (timeout / LOOKS <= 0)
        return true;
    watching = watchdog;
    return mp_system_handle_signal(SIGPROF, on_tick) == 0 && mp_system_set_cpu_timer(timeout / LOOKS) == 0;
}

void program_stop_watchdog(program_watchdog *watchdog) {
    if (watchdog->timeout <= 0)
        return;
    (void)mp_system_set_cpu_timer(0);
    (void)mp_system_handle_signal(SIGPROF, SIG_IGN);
}
