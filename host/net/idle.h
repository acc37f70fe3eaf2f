/*
 * Idle time-outs: report what has seen no byte for some time. A byte costs a look at the clock. The timer
 * restarts only when it expires, at most once in each time-out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_IDLE_H
#define MP_IDLE_H

#include "loop/loop.h"

/* A part of the watched object, zeroed before its first use. Private, except `timer.data`, the loop. */
typedef struct mp_idle {
    ev_timer timer;
    double limit, since; /* seconds of mp_loop_now's clock; limit 0: not watched */
    void (*due)(struct mp_idle *idle);
    uint8_t ignores; /* enum mp_idle_way: whose bytes don't count; the owner sets it after mp_idle_watch */
} mp_idle;

/* Which way a byte went; a set. */
enum mp_idle_way { MP_IDLE_READ = 1, MP_IDLE_WRITE = 2 };

/* Starts or restarts the wait for `msec` without a byte. Then the loop calls `due`, after everything received
   in the same turn; `due` must unwatch or touch. */
void mp_idle_watch(mp_idle *idle, mp_loop *loop, double msec, void (*due)(mp_idle *idle));

/* Ends the watch; does nothing if it isn't watched. */
void mp_idle_unwatch(mp_idle *idle);

/* A byte was received (MP_IDLE_READ) or sent (MP_IDLE_WRITE). */
static inline void mp_idle_moved(mp_idle *idle, enum mp_idle_way way) {
    if (idle->limit > 0 && !(idle->ignores & way))
        idle->since = mp_loop_now() / 1000.0;
}

/* Something else has happened that counts as a byte. */
static inline void mp_idle_touch(mp_idle *idle) {
    if (idle->limit > 0)
        idle->since = mp_loop_now() / 1000.0;
}

#endif
