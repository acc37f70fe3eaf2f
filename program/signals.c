/*
 * Signals that only the script handles; see signals.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "signals.h"

#include "options.h"
#include "signal/system_signal.h"
#include "system/interrupt.h"

/* The system ignores the others. */
static const struct {
    int number;
    const char *deadly; /* its name, if it ends a process that doesn't handle it */
} table[] = {{SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}, {SIGWINCH, NULL}, {SIGCONT, NULL}};

enum { COUNT = sizeof table / sizeof *table };

static void on_raised(mp_interrupt *interrupt) {
    const program_signal *self = MP_CONTAINER(interrupt, program_signal, interrupt);
    if (binding_signal_raised(self->state, interrupt->number))
        return;
    for (int i = 0; i < COUNT; i++)
        if (table[i].number == interrupt->number && table[i].deadly)
            mp_log(self->state->loop->log_level, MP_LOG_INFO, "%s is ignored: nothing handles it",
                   table[i].deadly);
}

void program_watch_signals(program_signals *self, mp_bell *bell, binding_state *state) {
    _Static_assert(COUNT == sizeof self->each / sizeof *self->each, "a place for each");
    for (int i = 0; i < COUNT; i++) {
        self->each[i].state = state;
        mp_interrupt_start(&self->each[i].interrupt, bell, table[i].number, on_raised);
    }
}

void program_unwatch_signals(program_signals *self) {
    for (int i = 0; i < COUNT; i++) {
        mp_interrupt_stop(&self->each[i].interrupt);
        if (table[i].deadly)
            (void)mp_system_handle_signal(table[i].number, SIG_IGN);
    }
}

static void do_nothing(int number) {
    (void)number;
}

void program_heed_owner(void (*parted)(int number)) {
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP};
    (void)mp_system_handle_signal(PROGRAM_PARTING, parted ? parted : do_nothing);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)mp_system_handle_signal(ignored[i], do_nothing);
}
