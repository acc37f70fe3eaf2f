/*
 * The loop; see loop.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* At this number of objects, memory is returned for the first time while the number grows; then at twice as
   many. */
#define FIRST_TRIM 5120

/* How many signals and steps one settle may deliver beyond those queued at its start, before other sockets
   get a turn. */
#define SETTLE_BUDGET 256

/* One turn in so many counts for the lag. */
#define COUNTED 32

/* Three years, in seconds; in such a number of them a double still has tens of nanoseconds. */
#define NEVER 1e8

static double read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- a turn --------------------------------------------------------------------------------------------- */

/* The order of a turn:
   receive: libev calls what is readable. That receives, notes what has arrived, and queues signals.
   run: behind all of these, mp_loop_turn runs the handlers of what has arrived, then those of the queue.
   send: behind each of them, what it has written is sent. */

/* Runs after each signal; usually there is nothing to send. */
static inline void send_unsent(mp_loop *loop) {
    if (loop->unsent)
        loop->phases->send(loop);
}

void mp_loop_settle(mp_loop *loop) {
    if (loop->settling)
        return;
    loop->settling = true;
    send_unsent(loop);
    for (uint32_t budget = loop->queue.count + SETTLE_BUDGET; loop->queue.count > 0 && budget > 0; budget--) {
        mp_queue_deliver(loop);
        send_unsent(loop);
    }
    loop->settling = false;
    if (loop->queue.count > 0)
        ev_idle_start(loop->ev, &loop->again);
}

void mp_loop_turn(mp_loop *loop) {
    loop->phases->run(loop);
    mp_loop_settle(loop);
}

static void on_received(struct ev_loop *ev, ev_prepare *watcher, int revents) {
    (void)ev;
    (void)revents;
    mp_loop_turn(watcher->data);
}

static void on_again(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    ev_idle_stop(ev, watcher);
    mp_loop_settle(loop);
}

double mp_loop_turn_time(const mp_loop *loop) {
    ev_timer *clock = (ev_timer *)(uintptr_t)&loop->clock;
    return (clock->at - ev_timer_remaining(loop->ev, clock)) * 1e3;
}

double mp_loop_turn_date(const mp_loop *loop) {
    return ev_now(loop->ev) * 1e3;
}

static void on_clock(struct ev_loop *ev, ev_timer *watcher, int revents) {
    (void)ev;
    (void)watcher;
    (void)revents;
}

static void on_turn(struct ev_loop *ev, ev_prepare *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    loop->iterations++;
    loop->turned = mp_loop_turn_time(loop);
    if (loop->alive == 0 && loop->queue.count == 0)
        ev_break(ev, EVBREAK_ALL);
}

void mp_loop_update_time(mp_loop *loop) {
    double before = mp_loop_turn_time(loop);
    ev_now_update(loop->ev);
    loop->updated += mp_loop_turn_time(loop) - before;
}

/* The turn is over. libev read the clock behind the last wait, and again just now unless it will not wait. So
   each turn can be measured, and nobody reads a clock for it. */
static void before_wait(struct ev_loop *ev) {
    mp_loop *loop = ev_userdata(ev);
    double now = mp_loop_turn_time(loop);
    if (now == loop->turned)
        now = mp_loop_now();
    double took = now - loop->turned + loop->updated;
    loop->updated = 0;
    if (took > loop->lag.recent[0])
        mp_lag_note_longest(&loop->lag, now, took);
    if (loop->iterations % COUNTED == 0)
        mp_lag_note(&loop->lag, now, took);
}

static void before_watched_wait(struct ev_loop *ev) {
    const mp_loop *loop = ev_userdata(ev);
    before_wait(ev);
    *loop->waits = true;
}

static void after_watched_wait(struct ev_loop *ev) {
    const mp_loop *loop = ev_userdata(ev);
    *loop->waits = false;
}

void mp_loop_watch_waits(mp_loop *loop, volatile bool *waits) {
    loop->waits = waits;
    ev_set_loop_release_cb(loop->ev, waits ? before_watched_wait : before_wait,
                           waits ? after_watched_wait : NULL);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void on_chore(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    if (!MP_CONTAINER(watcher, mp_chore, watcher)->run(loop))
        ev_idle_stop(ev, watcher);
    mp_loop_settle(loop);
}

static void on_later(struct ev_loop *ev, ev_timer *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)ev;
    (void)revents;
    loop->run_later(loop);
    mp_loop_settle(loop);
}

/* One wait was short; that is enough. */
static void on_doubt(struct ev_loop *ev, ev_idle *watcher, int revents) {
    (void)revents;
    ev_idle_stop(ev, watcher);
}

/* libev makes a new poll when the old one reports what it must not any more, as when it could not change a
   watcher. The new one gets each watcher again, and this may fail again. As in mp_loop_watch, the failures
   are reported only behind a wait. */
static void on_renewed(struct ev_loop *ev, ev_fork *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    ev_idle_start(ev, &loop->doubt);
}

int mp_loop_init(mp_loop *loop, const mp_upcalls *upcalls, const mp_phases *phases, void *owner) {
    memset(loop, 0, sizeof *loop);
    loop->upcalls = upcalls;
    loop->phases = phases;
    loop->owner = owner;
    loop->log_level = MP_LOG_INFO;
    loop->trim_at = FIRST_TRIM;
    if (mp_queue_init(&loop->queue) < 0)
        return -ENOMEM;
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev) {
        mp_queue_free(&loop->queue);
        return -ENOMEM;
    }
    ev_set_userdata(loop->ev, loop);
    ev_set_loop_release_cb(loop->ev, before_wait, NULL);
    ev_idle_init(&loop->again, on_again);
    loop->again.data = loop;
    for (int i = 0; i < MP_CHORE_TIMES; i++) {
        ev_idle_init(&loop->chores[i].watcher, on_chore);
        ev_set_priority(&loop->chores[i].watcher, i == MP_CHORE_EACH_TURN ? EV_MAXPRI : EV_MINPRI);
        loop->chores[i].watcher.data = loop;
    }
    ev_idle_init(&loop->doubt, on_doubt);
    ev_set_priority(&loop->doubt, EV_MAXPRI);
    ev_fork_init(&loop->renewed, on_renewed);
    loop->renewed.data = loop;
    ev_fork_start(loop->ev, &loop->renewed);
    ev_timer_init(&loop->later, on_later, 0., 0.);
    loop->later.data = loop;
    ev_prepare_init(&loop->received, on_received);
    ev_set_priority(&loop->received, MP_PRIORITY_RECEIVED);
    loop->received.data = loop;
    ev_prepare_init(&loop->turn, on_turn);
    loop->turn.data = loop;
    ev_prepare_start(loop->ev, &loop->turn);
    ev_timer_init(&loop->clock, on_clock, NEVER, NEVER);
    ev_timer_start(loop->ev, &loop->clock);
    return 0;
}

void mp_loop_destroy(mp_loop *loop) {
    ev_idle_stop(loop->ev, &loop->again);
    for (int i = 0; i < MP_CHORE_TIMES; i++)
        ev_idle_stop(loop->ev, &loop->chores[i].watcher);
    ev_idle_stop(loop->ev, &loop->doubt);
    ev_fork_stop(loop->ev, &loop->renewed);
    ev_timer_stop(loop->ev, &loop->later);
    ev_prepare_stop(loop->ev, &loop->turn);
    ev_timer_stop(loop->ev, &loop->clock);
    ev_loop_destroy(loop->ev);
    mp_queue_free(&loop->queue);
}

void mp_loop_run(mp_loop *loop) {
    mp_loop_settle(loop);
    ev_now_update(loop->ev); /* what ran before is no turn */
    ev_run(loop->ev, 0);
}

void mp_loop_run_once(mp_loop *loop) {
    mp_loop_settle(loop);
    if (loop->alive > 0)
        ev_run(loop->ev, EVRUN_ONCE);
}

void mp_loop_stop(mp_loop *loop) {
    ev_break(loop->ev, EVBREAK_ALL);
}

void mp_loop_set_chore(mp_loop *loop, enum mp_chore_time time, bool (*run)(mp_loop *loop)) {
    loop->chores[time].run = run;
    ev_idle_start(loop->ev, &loop->chores[time].watcher);
}

void mp_loop_call_later(mp_loop *loop, double delay, void (*run)(mp_loop *loop)) {
    loop->run_later = run;
    if (ev_is_active(&loop->later))
        return;
    ev_timer_set(&loop->later, delay / 1e3, 0.);
    ev_timer_start(loop->ev, &loop->later);
}

double mp_loop_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

double mp_loop_processor_time(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
