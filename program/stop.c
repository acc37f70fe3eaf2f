/*
 * Stopping: SIGTERM, SIGINT and moonport.quit(). Listeners close, onQuit's function has its turn, connections send what is
 * queued; after the grace time for all of that the rest is aborted. A second signal ends the process at once, also while a script keeps the loop from running: so the
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
    if (self->stop_stage == STOP_SCRIPT)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING,
               "stopping: onQuit's function had not returned in %.0f ms", self->options.grace);
    if (undrained > 0)
        mp_log(self->state->loop->log_level, MP_LOG_WARNING,
               "stopping: %llu connections had not sent all in %.0f ms", (unsigned long long)undrained,
               self->options.grace);
    finish(self);
}

static void close_connections(program *self) {
    self->stop_stage = STOP_CONNECTIONS;
    mp_loop_wind_down(self->state->loop);
}

/* onQuit's function has returned, or failed, or can't be run. */
static void script_ready(program *self) {
    self->state->loop->alive--;
    close_connections(self);
}

static void on_script_ended(binding_task *task, int status, int count) {
    (void)status;
    (void)count;
    script_ready(task->state->program);
}

static void tell_script(program *self) {
    lua_State *L = self->L;
    binding_state *state = self->state;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->current->on_quit);
    binding_task *task = binding_new_task(state, L, 0);
    self->stop_stage = STOP_SCRIPT;
    if (task) {
        task->ended = on_script_ended;
        binding_resume(task, 0);
    } else {
        script_ready(self);
    }
    mp_loop_settle(state->loop);
}

/* Before each poll while stopping. The script is told here, as no handler runs inside its call of quit. */
static void on_stop_turn(struct ev_loop *ev, ev_prepare *prepare, int revents) {
    program *self = prepare->data;
    (void)ev;
    (void)revents;
    if (self->stop_stage == STOP_BEGUN)
        tell_script(self);
    if (self->stop_stage == STOP_CONNECTIONS && mp_loop_is_drained(self->state->loop))
        finish(self);
}

static void on_quit(binding_state *state) {
    program *self = state->program;
    struct ev_loop *ev = state->loop->ev;
    if (self->stopping)
        return;
    self->stopping = true;
    self->stop_stage = STOP_BEGUN;
    if (state->current->on_quit == LUA_NOREF) {
        close_connections(self);
    } else {
        state->loop->alive++; /* the loop goes on for the script's turn, although nothing else may be left */
        mp_loop_close_listeners(state->loop);
    }
    ev_timer_init(&self->grace, on_grace_over, self->options.grace / 1000.0, 0.);
    self->grace.data = self;
    ev_timer_start(ev, &self->grace);
    ev_prepare_init(&self->stop_turn, on_stop_turn);
    self->stop_turn.data = self;
    ev_prepare_start(ev, &self->stop_turn);
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
        ev_prepare_stop(ev, &self->stop_turn);
    }
}
