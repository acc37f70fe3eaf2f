/*
 * Watchers; see watcher.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/watcher.h"

/* --- the next turn -------------------------------------------------------------------------------------- */

static void on_soon(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_soon *soon = MP_CONTAINER(watcher, mp_soon, watcher);
    mp_loop *loop = soon->loop;
    (void)revents;
    ev_idle_stop(ev, watcher);
    soon->run(soon);
    mp_loop_settle(loop);
}

void mp_soon_start(mp_soon *soon, mp_loop *loop, void (*run)(mp_soon *soon)) {
    if (ev_is_active(&soon->watcher))
        return;
    soon->loop = loop;
    soon->run = run;
    ev_idle_init(&soon->watcher, on_soon);
    ev_set_priority(&soon->watcher, EV_MAXPRI);
    ev_idle_start(loop->ev, &soon->watcher);
}

void mp_soon_stop(mp_soon *soon) {
    if (soon->loop)
        ev_idle_stop(soon->loop->ev, &soon->watcher);
}

/* --- each turn ------------------------------------------------------------------------------------------ */

static void on_turn(struct ev_loop *ev, ev_prepare *watcher, int revents) {
    mp_each_turn *each = MP_CONTAINER(watcher, mp_each_turn, watcher);
    mp_loop *loop = each->loop;
    (void)ev;
    (void)revents;
    each->run(each);
    mp_loop_settle(loop);
}

void mp_each_turn_start(mp_each_turn *each, mp_loop *loop, void (*run)(mp_each_turn *each)) {
    each->loop = loop;
    each->run = run;
    ev_prepare_init(&each->watcher, on_turn);
    ev_prepare_start(loop->ev, &each->watcher);
}

void mp_each_turn_stop(mp_each_turn *each) {
    if (each->loop)
        ev_prepare_stop(each->loop->ev, &each->watcher);
}

/* --- descriptors ---------------------------------------------------------------------------------------- */

static void on_ready(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_readable *readable = MP_CONTAINER(watcher, mp_readable, watcher);
    mp_loop *loop = readable->loop;
    (void)ev;
    readable->deaf = (revents & EV_ERROR) != 0;
    readable->ready(readable);
    mp_loop_settle(loop);
}

static void start(mp_readable *readable, mp_loop *loop, int fd, int events,
                  void (*ready)(mp_readable *readable)) {
    readable->loop = loop;
    readable->ready = ready;
    readable->deaf = false;
    ev_io_init(&readable->watcher, on_ready, fd, events);
    mp_loop_watch(loop, &readable->watcher);
}

void mp_readable_start(mp_readable *readable, mp_loop *loop, int fd, void (*ready)(mp_readable *readable)) {
    start(readable, loop, fd, EV_READ, ready);
}

void mp_writable_start(mp_readable *writable, mp_loop *loop, int fd, void (*ready)(mp_readable *writable)) {
    start(writable, loop, fd, EV_WRITE, ready);
}

void mp_readable_stop(mp_readable *readable) {
    if (readable->loop)
        ev_io_stop(readable->loop->ev, &readable->watcher);
}
