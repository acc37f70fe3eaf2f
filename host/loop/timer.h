/*
 * Timers that behave like QTimer: start restarts, an overrun gives one timeout, interval 0 fires once in each
 * turn.
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

/* Calls `over` from the loop in `msec` (not negative), and then settles the loop. */
void mp_delay_start(mp_delay *delay, mp_loop *loop, double msec, void (*over)(mp_delay *delay));

/* Does nothing to a zeroed delay or one that is over. */
void mp_delay_stop(mp_delay *delay, mp_loop *loop);

/* Identifies an object as a timer. */
extern const mp_behaviour mp_timer_behaviour;

/* Makes an inactive timer with interval 0. */
void mp_timer_init(mp_timer *timer, mp_loop *loop);

/* Stops it and drops what is queued for it; no upcall follows. */
void mp_timer_destroy(mp_timer *timer);

/* Starts or restarts. The object must be held. */
void mp_timer_start(mp_timer *timer);
void mp_timer_stop(mp_timer *timer);
bool mp_timer_is_active(const mp_timer *timer);

/* Milliseconds, not negative. An active timer restarts. */
void mp_timer_set_interval(mp_timer *timer, double interval);

/* Milliseconds until the next timeout, 0 if overdue, -1 if inactive. */
double mp_timer_remaining(mp_timer *timer);

#endif
