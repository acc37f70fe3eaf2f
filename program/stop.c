/*
 * Stopping; see stop.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stop.h"

#include <lauxlib.h>

#include "net/shutdown.h"
#include "signal/report.h"
#include "signal/system_signal.h"
#include "system/interrupt.h"

/* Global: a signal handler has no other way to find it. */
static program_stop *signalled;

static void on_grace_over(mp_delay *delay) {
    program_stop *self = MP_CONTAINER(delay, program_stop, grace_over);
    mp_loop *loop = self->state->loop;
    uint64_t undrained = mp_network_undrained(mp_network_of(loop));
    if (self->stage == STOP_SCRIPT)
        mp_log(loop->log_level, MP_LOG_WARNING, "stopping: onQuit's function did not return within %.0f ms",
               self->grace);
    if (undrained > 0)
        mp_log(loop->log_level, MP_LOG_WARNING,
               "stopping: %llu connections did not send everything within %.0f ms",
               (unsigned long long)undrained, self->grace);
    if (mp_network_of(loop)->processes > 0)
        mp_log(loop->log_level, MP_LOG_WARNING, "stopping: %u processes did not end within %.0f ms",
               (unsigned)mp_network_of(loop)->processes, self->grace);
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

/* Runs before each poll while stopping. It calls onQuit's function, because no handler runs inside the
   script's call of quit. */
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
        mp_loop_ref(state->loop); /* onQuit's function keeps the loop running until it ends */
        mp_network_close_listeners(mp_network_of(state->loop));
    }
    mp_delay_start(&self->grace_over, state->loop, self->grace, on_grace_over);
    mp_each_turn_start(&self->turn, state->loop, on_turn);
}

/* The signals of told[]. */
static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT};

enum { COUNT = sizeof numbers / sizeof *numbers };

/* SIGQUIT, which has a key in a terminal, leaves the terminal as it was, too. */
static void end_at_once(int number) {
    if (number == SIGQUIT)
        mp_system_die(number);
    else
        mp_system_exit(128 + number);
}

static void on_signal(int number) {
    const binding_state *state = signalled->state;
    program_stop_signal *told = signalled->told;
    sig_atomic_t generation = (sig_atomic_t)state->generations.current->number;
    bool taken = binding_takes_signal(state, number);
    while (told->number != number)
        told++;
    if (signalled->signals > 0 || (taken && told->seen == generation) || (!taken && number == SIGQUIT)) {
        end_at_once(number);
        return;
    }
    if (taken)
        told->seen = generation;
    else
        signalled->signals = 1;
    mp_wakeup_send(&told->wakeup);
}

static void on_told(mp_wakeup *wakeup) {
    const program_stop_signal *told = MP_CONTAINER(wakeup, program_stop_signal, wakeup);
    program_stop *self = told->stop;
    if (binding_signal_raised(self->state, told->number))
        return;
    mp_log(self->state->loop->log_level, MP_LOG_INFO, "stopping");
    program_begin_stop(self);
}

static void handle_signals(void (*handler)(int)) {
    for (int i = 0; i < COUNT; i++)
        (void)mp_system_handle_signal(numbers[i], handler);
}

void program_watch_stop(program_stop *self, mp_bell *bell, binding_state *state, double grace,
                        void (*begun)(program_stop *stop), void *owner) {
    *self = (program_stop){.state = state, .grace = grace, .begun = begun, .owner = owner};
    for (int i = 0; i < COUNT; i++) {
        self->told[i] = (program_stop_signal){.stop = self, .number = numbers[i]};
        mp_wakeup_start(&self->told[i].wakeup, bell, on_told);
    }
    signalled = self;
    handle_signals(on_signal);
}

void program_unwatch_stop(program_stop *self) {
    handle_signals(SIG_DFL);
    for (int i = 0; i < COUNT; i++)
        mp_wakeup_stop(&self->told[i].wakeup);
    mp_delay_stop(&self->grace_over, self->state->loop);
    mp_each_turn_stop(&self->turn);
}
