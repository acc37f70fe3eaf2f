/*
 * Stopping; see stop.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stop.h"

#include <lauxlib.h>

#include "net/shutdown.h"
#include "signal/report.h"
#include "system/interrupt.h"

/* Who is told of signals; a handler has no other way to know. */
static program_stop *signalled;

static void on_grace_over(mp_delay *delay) {
    program_stop *self = MP_CONTAINER(delay, program_stop, grace_over);
    mp_loop *loop = self->state->loop;
    uint64_t undrained = mp_network_undrained(mp_network_of(loop));
    if (self->stage == STOP_SCRIPT)
        mp_log(loop->log_level, MP_LOG_WARNING, "stopping: onQuit's function had not returned in %.0f ms",
               self->grace);
    if (undrained > 0)
        mp_log(loop->log_level, MP_LOG_WARNING, "stopping: %llu connections had not sent all in %.0f ms",
               (unsigned long long)undrained, self->grace);
    mp_loop_stop(loop); /* closing the Lua state closes the rest */
}

static void close_connections(program_stop *self) {
    self->stage = STOP_CONNECTIONS;
    mp_network_wind_down(mp_network_of(self->state->loop));
}

/* onQuit's function has returned, or failed, or can't be run. */
static void script_ready(program_stop *self) {
    mp_loop_unref(self->state->loop);
    close_connections(self);
}

static void on_script_ended(binding_task *task, int status, int count) {
    (void)status;
    (void)count;
    script_ready(task->owner);
}

static const binding_task_kind kind = {
    .name = "onQuit", .lasting = true, .failed = binding_report, .ended = on_script_ended};

static void tell_script(program_stop *self) {
    binding_state *state = self->state;
    lua_rawgeti(state->L, LUA_REGISTRYINDEX, state->generations.current->on_quit);
    binding_task *task = binding_new_task(state, &kind, state->L, 0);
    self->stage = STOP_SCRIPT;
    if (task) {
        task->owner = self;
        binding_resume(task, 0);
    } else {
        script_ready(self);
    }
    mp_loop_settle(state->loop);
}

/* Before each poll while stopping. The script is told here, as no handler runs inside its call of quit. */
static void on_turn(mp_each_turn *turn) {
    program_stop *self = MP_CONTAINER(turn, program_stop, turn);
    if (self->stage == STOP_BEGUN)
        tell_script(self);
    if (self->stage == STOP_CONNECTIONS && mp_network_is_drained(mp_network_of(self->state->loop)))
        mp_loop_stop(self->state->loop);
}

void program_begin_stop(program_stop *self) {
    binding_state *state = self->state;
    if (self->stage != STOP_NOT_BEGUN)
        return;
    self->stage = STOP_BEGUN;
    self->begun(self);
    if (state->generations.current->on_quit == LUA_NOREF) {
        close_connections(self);
    } else {
        mp_loop_ref(state->loop); /* it goes on for the script's turn, although nothing else may be left */
        mp_network_close_listeners(mp_network_of(state->loop));
    }
    mp_delay_start(&self->grace_over, state->loop, self->grace, on_grace_over);
    mp_each_turn_start(&self->turn, state->loop, on_turn);
}

static void on_signal(int number) {
    if (++signalled->signals > 1)
        mp_system_exit(128 + number);
    mp_wakeup_send(&signalled->told);
}

static void on_told(mp_wakeup *told) {
    program_stop *self = MP_CONTAINER(told, program_stop, told);
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "stopping");
    program_begin_stop(self);
}

/* Deadly, if nobody did this. */
static void on_user_signal(mp_interrupt *interrupt) {
    mp_log(interrupt->wakeup.loop->log_level, MP_LOG_INFO, "%s is ignored: nothing handles it",
           interrupt->number == SIGUSR1 ? "SIGUSR1" : "SIGUSR2");
}

static void handle_signals(void (*handler)(int)) {
    (void)mp_system_handle_signal(SIGTERM, handler);
    (void)mp_system_handle_signal(SIGINT, handler);
    /* The key for it leaves the terminal as it was, too. */
    (void)mp_system_handle_signal(SIGQUIT, handler == SIG_DFL ? SIG_DFL : mp_system_die);
}

void program_watch_signals(program_stop *self, mp_bell *bell, binding_state *state, double grace,
                           void (*begun)(program_stop *stop), void *owner) {
    *self = (program_stop){.state = state, .grace = grace, .begun = begun, .owner = owner};
    mp_wakeup_start(&self->told, bell, on_told);
    mp_interrupt_start(&self->user[0], bell, SIGUSR1, on_user_signal);
    mp_interrupt_start(&self->user[1], bell, SIGUSR2, on_user_signal);
    signalled = self;
    handle_signals(on_signal);
}

void program_unwatch_signals(program_stop *self) {
    handle_signals(SIG_DFL);
    mp_wakeup_stop(&self->told);
    for (int i = 0; i < 2; i++) {
        mp_interrupt_stop(&self->user[i]);
        (void)mp_system_handle_signal(i == 0 ? SIGUSR1 : SIGUSR2, SIG_IGN);
    }
    mp_delay_stop(&self->grace_over, self->state->loop);
    mp_each_turn_stop(&self->turn);
}
