/*
 * --handler-timeout and --handler-kill; see watchdog.h.
 *
 * A timer of the process's CPU time looks whether the same run of a handler is still going on; only then is a
 * hook set, on the coroutine that runs. So it costs nothing while handlers behave, and an idle process is
 * never woken. The hook stays until the handler has returned: a pcall in the script swallows one error, not
 * all of them, and where the script takes it out it comes again. No hook runs within a C function, a
 * finaliser or another hook: then the log says where that is, and only --handler-kill helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watchdog.h"

#include <lauxlib.h>
#include <stdio.h>

#include "system/interrupt.h"
#include "system/system.h"

/* Looks within one time-out; a handler may run longer than it by one such part. */
#define LOOKS 4

/* A signal handler has no other way to know. */
static program_watchdog *watching;

static void on_late(lua_State *L, lua_Debug *where) {
    if (watching->state->watch.late != L) { /* inherited by a coroutine that was made meanwhile */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    lua_getinfo(L, "Sl", where);
    lua_pushfstring(L, "%s:%d: the handler has not returned within %f ms", where->short_src,
                    where->currentline, watching->timeout);
    lua_error(L);
}

/* One line on standard error, from a signal handler: nothing that takes a lock or memory. What is read of
   L stands still: the code is in a C function. */
static void tell(lua_State *L, const char *what) {
    char text[256];
    lua_Debug where = {.currentline = -1};
    for (int level = 0; where.currentline < 0 && lua_getstack(L, level, &where); level++)
        lua_getinfo(L, "Sl", &where);
    int length = where.currentline < 0 ? snprintf(text, sizeof text, "moonport: %s\n", what)
                                       : snprintf(text, sizeof text, "moonport: %s: %s:%d\n", what,
                                                  where.short_src, where.currentline);
    (void)mp_system_write_stderr(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static void interrupt(lua_State *L, binding_watch *watch) {
    if (watch->late && watch->late != L)
        lua_sethook(watch->late, NULL, 0, 0);
    watch->late = L;
    lua_sethook(L, on_late, LUA_MASKCOUNT, 1);
}

static void on_tick(int number) {
    binding_watch *watch = &watching->state->watch;
    lua_State *L = watch->thread;
    (void)number;
    if (!L || watch->runs != watching->run) {
        watching->run = watch->runs;
        watching->ticks = 0;
        return;
    }
    watching->ticks++;
    double msec = watching->ticks * watching->interval;
    if (watching->kill > 0 && msec >= watching->kill) {
        tell(L, "a handler has not returned in time, the process ends");
        mp_system_exit(1);
    }
    if (watching->timeout > 0 && watching->ticks >= LOOKS)
        interrupt(L, watch);
    if (watching->ticks == 2 * LOOKS) /* the hook has had its time */
        tell(L, "a handler doesn't return from a function in C, or from a finaliser");
}

bool program_start_watchdog(program_watchdog *watchdog, binding_state *state, double timeout, double kill) {
    double interval = (timeout > 0 ? timeout : kill) / LOOKS;
    *watchdog = (program_watchdog){.state = state, .timeout = timeout, .kill = kill, .interval = interval};
    if (interval <= 0)
        return true;
    watching = watchdog;
    return mp_system_handle_signal(SIGPROF, on_tick) == 0 && mp_system_set_cpu_timer(interval) == 0;
}

void program_stop_watchdog(program_watchdog *watchdog) {
    if (watchdog->interval <= 0)
        return;
    (void)mp_system_set_cpu_timer(0);
    (void)mp_system_handle_signal(SIGPROF, SIG_IGN);
}
