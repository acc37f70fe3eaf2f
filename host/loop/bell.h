/*
 * What handlers of signals have to say to the loop. They ring a bell, which wakes it; it then calls those
 * whose notice was given. libev has the same, but ends the program where it gets no descriptor for it, and
 * hears nothing where the poll can't watch that.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_BELL_H
#define MP_BELL_H

#include "loop/timer.h"
#include "loop/watcher.h"
#include "system/interrupt.h"

typedef struct mp_bell {
    mp_readable rung;
    mp_delay again; /* until the poll, which couldn't watch it, is asked once more */
    int fds[2];
    mp_ring wakeups;
} mp_bell;

/* Makes a bell in the owner's memory. Returns 0 or -errno; it needs no stop then. */
int mp_bell_start(mp_bell *bell, mp_loop *loop);

/* Its wakeups have been stopped. */
void mp_bell_stop(mp_bell *bell);

/* mp_wakeup_send was called since the last time, once or more. Zero before it is started for the first
   time. */
typedef struct mp_wakeup {
    mp_ring link;
    mp_notice notice;
    mp_loop *loop;
    void (*woken)(struct mp_wakeup *wakeup);
} mp_wakeup;

void mp_wakeup_start(mp_wakeup *wakeup, mp_bell *bell, void (*woken)(mp_wakeup *wakeup));
void mp_wakeup_stop(mp_wakeup *wakeup);

/* The one call here that a signal's handler may make. */
static inline void mp_wakeup_send(mp_wakeup *wakeup) {
    mp_system_give_notice(&wakeup->notice);
}

/* A signal of the system has come; several may be told as one. Zero before it is started for the first
   time. */
typedef struct mp_interrupt {
    mp_wakeup wakeup;
    int number;
    void (*raised)(struct mp_interrupt *interrupt);
} mp_interrupt;

void mp_interrupt_start(mp_interrupt *interrupt, mp_bell *bell, int number,
                        void (*raised)(mp_interrupt *interrupt));
void mp_interrupt_stop(mp_interrupt *interrupt);

#endif
