/*
 * Stopping: SIGTERM, SIGINT and moonport.quit(). Listeners close, connections get the grace time to send what is queued,
 * the rest is aborted. A second signal ends the process at once, also while a script keeps the loop from running: so the
 * handlers are the program's own, and not libev's.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <unistd.h>

#include "program.h"

/* Nothing is left, or the grace time is over: the loop ends, closing the Lua state closes the rest. */
static void finish(program *self) {
    ev_break(self->state->loop->ev, EVBREAK_ALL);
}

static void on_grace_over(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    (void)ev;
    (void)revents;
    uint64_t undrained = mp_loop_undrained(self->state->loop);
    if (undrained > 0)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING,
               "stopping: %llu connections had not sent all in %.0f ms", (unsigned long long)undrained,
               self->options.grace);
    finish(self);
}

/* Before each poll while stopping: has everything been sent? */
static void on_drained(struct ev_loop *ev, ev_prepare *prepare, int revents) {
    program *self = prepare->data;
    (void)ev;
    (void)revents;
    if (mp_loop_is_drained(self->state->loop))
        finish(self);
}

static void on_quit(binding_state *state) {
    program *self = state->program;
    struct ev_loop *ev = state->loop->ev;
    if (self->stopping)
        return;
    self->stopping = true;
    mp_loop_wind_down(state->loop);
    ev_timer_init(&self->grace, on_grace_over, self->options.grace / 1000.0, 0.);
    self->grace.data = self;
    ev_timer_start(ev, &self->grace);
    ev_prepare_init(&self->drained, on_drained);
    self->drained.data = self;
    ev_prepare_start(ev, &self->drained);
}

/* Who is told of signals; a handler has no other way to know. */
static program *signalled;

static void on_signal(int number) {
    if (++signalled->signals > 1)
        _exit(128 + number);
    ev_async_send(signalled->state->loop->ev, &signalled->told_to_stop);
}

static void on_told_to_stop(struct ev_loop *ev, ev_async *watcher, int revents) {
    program *self = watcher->data;
    (void)ev;
    (void)revents;
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "stopping");
    on_quit(self->state);
    mp_loop_settle(self->state->loop);
}

static void handle_signals(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int revents) {
    program *self = watcher->data;
    (void)ev;
    (void)revents;
    if (!program_want_reload(self) && !self->stopping)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING, "reload: there is no script file to load");
}

void program_watch_signals(program *self) {
    ev_async_init(&self->told_to_stop, on_told_to_stop);
    self->told_to_stop.data = self;
    ev_async_start(self->state->loop->ev, &self->told_to_stop);
    self->state->on_quit = on_quit;
    self->state->program = self;
    signalled = self;
    handle_signals(on_signal);
    ev_signal_init(&self->hangup, on_hangup, SIGHUP);
    self->hangup.data = self;
    ev_signal_start(self->state->loop->ev, &self->hangup);
}

/* From here on the state is being closed: a signal has its ordinary effect. */
void program_unwatch_signals(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    handle_signals(SIG_DFL);
    ev_async_stop(ev, &self->told_to_stop);
    ev_signal_stop(ev, &self->hangup);
    if (self->stopping) {
        ev_timer_stop(ev, &self->grace);
        ev_prepare_stop(ev, &self->drained);
    }
}
