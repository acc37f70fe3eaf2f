/*
 * How signal handlers reach the loop. A handler gives notice and rings the bell, which wakes the loop; the
 * loop then calls each wakeup that has a notice. libev has such a mechanism too, but it ends the program if
 * it gets no descriptor, and it notices nothing if the poll can't watch that descriptor.
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
    mp_delay again; /* if the poll couldn't watch the bell: asks it once more */
    int fds[2];
    mp_ring wakeups;
} mp_bell;

/* Makes a bell in the owner's memory. Returns 0 or -errno; after a failure it needs no stop. */
int mp_bell_start(mp_bell *bell, mp_loop *loop);

/* Stops the bell. Its wakeups must have been stopped before. */
void mp_bell_stop(mp_bell *bell);

/* Runs after one or more calls of mp_wakeup_send. All zero before the first start. */
typedef struct mp_wakeup {
    mp_ring link;
    mp_notice notice;
    mp_loop *loop;
    void (*woken)(struct mp_wakeup *wakeup);
} mp_wakeup;

void mp_wakeup_start(mp_wakeup *wakeup, mp_bell *bell, void (*woken)(mp_wakeup *wakeup));
void mp_wakeup_stop(mp_wakeup *wakeup);

/* The only function here that a signal handler may call. */
static inline void mp_wakeup_send(mp_wakeup *wakeup) {
    mp_system_give_notice(&wakeup->notice);
}

/* Runs when a signal of the system has arrived; several signals may count as one. All zero before the first
   start. */
typedef struct mp_interrupt {
    mp_wakeup wakeup;
    int number;
    void (*raised)(struct mp_interrupt *interrupt);
} mp_interrupt;

void mp_interrupt_start(mp_interrupt *interrupt, mp_bell *bell, int number,
                        void (*raised)(mp_interrupt *interrupt));
void mp_interrupt_stop(mp_interrupt *interrupt);

#endif
