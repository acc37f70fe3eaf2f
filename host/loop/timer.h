/*
 * Timers with QTimer's manners: restart on start, one timeout for an overrun, interval 0 fires once a turn of
 * the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TIMER_H
#define MP_TIMER_H

#include "loop/loop.h"

typedef struct mp_timer {
    mp_object object;
    ev_timer watcher;
    double interval; /* milliseconds */
    bool single_shot;
} mp_timer;

/* A bare one-shot delay, for waits: no object, no signal. */
typedef struct mp_delay {
    ev_timer watcher;
    void (*over)(struct mp_delay *delay);
} mp_delay;

/* Calls `over` from the loop in `msec` (not negative), and settles the loop afterwards. */
void mp_delay_start(mp_delay *delay, mp_loop *loop, double msec, void (*over)(mp_delay *delay));

/* Safe for a zeroed one and one that is over. */
void mp_delay_stop(mp_delay *delay, mp_loop *loop);

/* By which an object tells its kind. */
extern const mp_behaviour mp_timer_behaviour;

/* A fresh timer: inactive, interval 0. */
void mp_timer_init(mp_timer *timer, mp_loop *loop);

/* Stops it and forgets what is queued for it; no upcall follows. */
void mp_timer_destroy(mp_timer *timer);

/* Starts, or starts anew. The object must be held. */
void mp_timer_start(mp_timer *timer);
void mp_timer_stop(mp_timer *timer);
bool mp_timer_is_active(const mp_timer *timer);

/* Milliseconds, not negative. An active timer starts anew. */
void mp_timer_set_interval(mp_timer *timer, double interval);

/* Milliseconds until the next timeout, 0 if overdue, -1 if inactive. */
double mp_timer_remaining(mp_timer *timer);

#endif
