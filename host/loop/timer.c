/*
 * Timers; see timer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/timer.h"

static bool is_active(const mp_object *object) {
    return mp_timer_is_active((const mp_timer *)object);
}

const mp_behaviour mp_timer_behaviour = {MP_TIMER, is_active, NULL, NULL, NULL};

static void on_timeout(struct ev_loop *ev, ev_timer *watcher, int revents) {
    mp_timer *timer = watcher->data;
    mp_loop *loop = timer->object.loop;
    (void)revents;
    /* A single-shot timer is inactive before its handler runs; one of interval 0 has stopped by itself. */
    if (timer->single_shot)
        ev_timer_stop(ev, watcher);
    else if (timer->interval <= 0)
        ev_timer_start(ev, watcher);
    timer->object.queued++;
    loop->upcalls->emit(&timer->object, MP_SIGNAL_TIMEOUT, 0);
    timer->object.queued--;
    mp_object_check(&timer->object);
    mp_loop_settle(loop);
}

void mp_timer_init(mp_timer *timer, mp_loop *loop) {
    mp_object_init(&timer->object, loop, &mp_timer_behaviour);
    ev_timer_init(&timer->watcher, on_timeout, 0., 0.);
    timer->watcher.data = timer;
    timer->interval = 0;
    timer->single_shot = false;
}

void mp_timer_destroy(mp_timer *timer) {
    ev_timer_stop(timer->object.loop->ev, &timer->watcher);
    mp_object_destroy(&timer->object);
}

void mp_timer_start(mp_timer *timer) {
    struct ev_loop *ev = timer->object.loop->ev;
    ev_timer_stop(ev, &timer->watcher);
    mp_loop_update_time(timer->object.loop);
    ev_timer_set(&timer->watcher, timer->interval / 1000.0, timer->interval / 1000.0);
    ev_timer_start(ev, &timer->watcher);
}

void mp_timer_stop(mp_timer *timer) {
    if (!mp_timer_is_active(timer))
        return;
    ev_timer_stop(timer->object.loop->ev, &timer->watcher);
    mp_object_check(&timer->object);
}

/* For libev a due timer of interval 0 is no longer active, only pending. */
bool mp_timer_is_active(const mp_timer *timer) {
    return ev_is_active(&timer->watcher) || ev_is_pending(&timer->watcher);
}

void mp_timer_set_interval(mp_timer *timer, double interval) {
    timer->interval = interval;
    if (mp_timer_is_active(timer))
        mp_timer_start(timer);
}

double mp_timer_remaining(mp_timer *timer) {
    if (!mp_timer_is_active(timer))
        return -1;
    if (ev_is_pending(&timer->watcher))
        return 0;
    double left = ev_timer_remaining(timer->object.loop->ev, &timer->watcher) * 1000.0;
    return left > 0 ? left : 0;
}

static void on_delay(struct ev_loop *ev, ev_timer *watcher, int revents) {
    mp_delay *delay = MP_CONTAINER(watcher, mp_delay, watcher);
    mp_loop *loop = watcher->data;
    (void)ev;
    (void)revents;
    delay->over(delay);
    mp_loop_settle(loop);
}

void mp_delay_start(mp_delay *delay, mp_loop *loop, double msec, void (*over)(mp_delay *delay)) {
    mp_loop_update_time(loop);
    ev_timer_init(&delay->watcher, on_delay, msec / 1000.0, 0.);
    ev_set_priority(&delay->watcher, MP_PRIORITY_DELAY);
    delay->watcher.data = loop;
    delay->over = over;
    ev_timer_start(loop->ev, &delay->watcher);
}

void mp_delay_stop(mp_delay *delay, mp_loop *loop) {
    if (ev_is_active(&delay->watcher) || ev_is_pending(&delay->watcher))
        ev_timer_stop(loop->ev, &delay->watcher);
}
