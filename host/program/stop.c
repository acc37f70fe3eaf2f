/*
 * Stopping: SIGTERM, SIGINT and moonport.quit(). Listeners close, connections get the grace time to send what is queued,
 * the rest is aborted. A second signal ends the process at once.
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
    if (self->state->loop->statistics.connections > 0)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING,
               "stopping: %llu connections had not sent all in %.0f ms",
               (unsigned long long)self->state->loop->statistics.connections, self->options.grace);
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

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int revents) {
    program *self = watcher->data;
    (void)ev;
    (void)revents;
    if (++self->interrupts > 1)
        _exit(128 + watcher->signum);
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "stopping");
    on_quit(self->state);
    mp_loop_settle(self->state->loop);
}

void program_watch_signals(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    ev_signal_init(&self->terminate, on_signal, SIGTERM);
    self->terminate.data = self;
    ev_signal_start(ev, &self->terminate);
    ev_signal_init(&self->interrupt, on_signal, SIGINT);
    self->interrupt.data = self;
    ev_signal_start(ev, &self->interrupt);
    self->state->on_quit = on_quit;
    self->state->program = self;
}

void program_unwatch_signals(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    ev_signal_stop(ev, &self->terminate);
    ev_signal_stop(ev, &self->interrupt);
    if (self->stopping) {
        ev_timer_stop(ev, &self->grace);
        ev_prepare_stop(ev, &self->drained);
    }
}
