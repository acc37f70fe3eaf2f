/*
 * Idle time-outs: what has seen no byte for so long is told. A byte costs a look at the clock; the timer is
 * set anew only when it is over, once in the time of the time-out at most.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_IDLE_H
#define MP_IDLE_H

#include "loop/loop.h"

/* A part of what is watched, zeroed before its first use. Private, but for `timer.data`, the loop. */
typedef struct mp_idle {
    ev_timer timer;
    double limit, since; /* seconds of mp_loop_now's clock; limit 0: not watched */
    void (*due)(struct mp_idle *idle);
} mp_idle;

/* Begins, or begins anew, to wait for `msec` without a byte. `due` is then called from the loop, behind what
   is received in the same turn; it is to end the watch, or to touch it. */
void mp_idle_watch(mp_idle *idle, mp_loop *loop, double msec, void (*due)(mp_idle *idle));

/* Ends it; does nothing to what isn't watched. */
void mp_idle_unwatch(mp_idle *idle);

/* A byte has come or gone. */
static inline void mp_idle_touch(mp_idle *idle) {
    if (idle->limit > 0)
        idle->since = mp_loop_now() / 1000.0;
}

#endif
