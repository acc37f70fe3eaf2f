/*
 * Idle time-outs; see idle.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/idle.h"

/* Seconds that remain. */
static double rest(const mp_idle *idle) {
    return idle->since + idle->limit - mp_loop_now() / 1000.0;
}

static void arm(mp_idle *idle, struct ev_loop *ev, double seconds) {
    ev_timer_set(&idle->timer, seconds, 0.);
    ev_timer_start(ev, &idle->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_idle *idle = MP_CONTAINER(timer, mp_idle, timer);
    mp_loop *loop = timer->data;
    (void)revents;
    if (rest(idle) <= 1e-6)
        idle->due(idle);
    if (idle->limit > 0)
        arm(idle, ev, rest(idle));
    mp_loop_settle(loop);
}

void mp_idle_watch(mp_idle *idle, mp_loop *loop, double msec, void (*due)(mp_idle *idle)) {
    assert(msec > 0 && due);
    mp_idle_unwatch(idle);
    ev_timer_init(&idle->timer, on_timer, 0., 0.);
    ev_set_priority(&idle->timer, MP_PRIORITY_DELAY);
    idle->timer.data = loop;
    idle->due = due;
    idle->ignores = 0;
    idle->limit = msec / 1000.0;
    mp_idle_touch(idle);
    arm(idle, loop->ev, idle->limit);
}

void mp_idle_unwatch(mp_idle *idle) {
    if (idle->limit <= 0)
        return;
    idle->limit = 0;
    ev_timer_stop(((mp_loop *)idle->timer.data)->ev, &idle->timer);
}
