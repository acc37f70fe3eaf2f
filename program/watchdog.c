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
    binding_watch *watch = &watching->state->watch;
    lua_State *L = watch->thread;
    (void)number;
    if (!L || watch->runs != watching->run) {
        watching->run = watch->runs;
        watching->ticks = 0;
    } else if (++watching->ticks >= LOOKS) {
        if (watch->late && watch->late != L)
            lua_sethook(watch->late, NULL, 0, 0);
        watch->late = L;
        lua_sethook(L, on_late, LUA_MASKCOUNT, 1); /* again and again: the script may have taken it out */
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
