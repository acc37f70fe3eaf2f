/*
 * --handler-timeout and --handler-kill; see watchdog.h.
 *
 * A timer of the process's CPU time checks whether the same handler is still running, and for how much of its
 * thread's CPU time: that of moonport.work's threads is not the handler's. Only then a hook is set, on the
 * running coroutine. So it costs nothing while handlers behave, and it never wakes an idle process. The hook
 * ends the handler's coroutine, or, where that can't yield, raises errors until the handler has returned: a
 * pcall in the script catches one error, but not all of them. If the script removes the hook, it is set
 * again. No hook runs within a C function, a finaliser or another hook: then the log says where the handler
 * is, and only --handler-kill helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watchdog.h"

#include <lauxlib.h>
#include <stdio.h>

#include "run/watched.h"
#include "script/slices.h"
#include "system/interrupt.h"
#include "system/system.h"

/* Checks in one time-out; a handler may run longer by one such part. */
#define LOOKS 4

/* Global: a signal handler has no other way to find it. */
static program_watchdog *watching;

static void on_late(lua_State *L, lua_Debug *where) {
    if (watching->state->watch.late != L) { /* a coroutine made meanwhile has inherited it */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    char text[LUA_IDSIZE + 96];
    lua_getinfo(L, "Sl", where);
    snprintf(text, sizeof text, "%s:%d: the handler has not returned within %.14g ms", where->short_src,
             where->currentline, watching->timeout);
    binding_cut(L, watching->state, text);
}

/* Logs from a signal handler, so it uses no locks and no memory. The parts of L that it reads don't change:
   the code is in a C function. */
static void tell(lua_State *L, const char *what) {
    char text[256];
    lua_Debug where = {.currentline = -1};
    for (int level = 0; where.currentline < 0 && lua_getstack(L, level, &where); level++)
        lua_getinfo(L, "Sl", &where);
    if (where.currentline < 0)
        snprintf(text, sizeof text, "%s", what);
    else
        snprintf(text, sizeof text, "%s: %s:%d", what, where.short_src, where.currentline);
    mp_log_from_signal(text);
}

static void interrupt(lua_State *L, binding_watch *watch) {
    if (watch->late && watch->late != L)
        lua_sethook(watch->late, NULL, 0, 0);
    watch->late = L;
    watch->samples = false;
    lua_sethook(L, on_late, LUA_MASKCOUNT, 1);
}

static void on_tick(int number) {
    binding_watch *watch = &watching->state->watch;
    lua_State *L = watch->thread;
    (void)number;
    double now = mp_system_thread_cpu_time(), msec = now - watching->since;
    /* It is less where another thread has got the turn, see script/slices.h. */
    if (!L || watch->runs != watching->run || msec < 0) {
        watching->run = watch->runs;
        watching->since = now;
        watching->told = false;
        return;
    }
    msec += watching->interval / 2; /* the timer isn't exact */
    if (watching->kill > 0 && msec >= watching->kill) {
        tell(L, "a handler has not returned in time; the process ends");
        mp_system_exit(1);
    }
    if (watching->timeout > 0 && msec >= watching->timeout && !program_is_sliced(L))
        interrupt(L, watch);
    if (msec >= 2 * LOOKS * watching->interval && !watching->told) { /* the hook has had time to run */
        watching->told = true;
        tell(L, "a handler doesn't return from a C function or a finaliser");
    }
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
