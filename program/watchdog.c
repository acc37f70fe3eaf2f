/*
 * --handler-timeout: a handler that doesn't return is ended with an error that names the line it was at.
 *
 * A timer of the process's CPU time looks whether the same run of a handler is still going on; only then is a hook set, on
 * the coroutine that runs. So it costs nothing while handlers behave, and an idle process is never woken. The hook stays until
 * the handler has returned: a pcall in the script swallows one error, not all of them. Coroutines of the script's own are
 * interrupted when they come back to their handler.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <sys/time.h>

#include "program.h"

/* Looks within one time-out; a handler may run longer than it by one such part. */
#define LOOKS 4

/* A signal handler has no other way to know. */
static program *watched;

static void on_late(lua_State *L, lua_Debug *where) {
    (void)where;
    luaL_error(L, "the handler has not returned within %f ms", watched->options.handler_timeout);
}

static void on_tick(int number) {
    binding_state *state = watched->state;
    binding_task *task = state->running;
    (void)number;
    if (!task || state->runs != watched->watched_run) {
        watched->watched_run = state->runs;
        watched->watched_ticks = 0;
    } else if (++watched->watched_ticks >= LOOKS && !state->late) {
        state->late = task->co;
        lua_sethook(task->co, on_late, LUA_MASKCOUNT, 1);
    }
}

bool program_start_watchdog(program *self) {
    double msec = self->options.handler_timeout / LOOKS;
    if (msec <= 0)
        return true;
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct timeval interval = {(time_t)(msec / 1000), (suseconds_t)((long)(msec * 1000) % 1000000)};
    struct itimerval timer = {interval, interval};
    watched = self;
    return sigaction(SIGPROF, &action, NULL) == 0 && setitimer(ITIMER_PROF, &timer, NULL) == 0;
}

void program_stop_watchdog(program *self) {
    struct itimerval none = {{0, 0}, {0, 0}};
    if (self->options.handler_timeout <= 0)
        return;
    (void)setitimer(ITIMER_PROF, &none, NULL);
    signal(SIGPROF, SIG_IGN);
}
