/*
 * Idle time-outs. Sockets with the same time-out stand in one list in the order of their last byte, so that one timer
 * watches the head for all of them and a byte costs two pointer moves, not a timer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>

#include "net/tcp_socket_private.h"

struct mp_idle_list {
    mp_idle_list *next;
    mp_loop *loop;
    double seconds;
    ev_timer timer;
    mp_ring head; /* ring of extras.idle_link, the longest idle first */
};

/* The link of each socket stands in its extras, together with the way back to the socket. */
static mp_socket_extras *extras_of(mp_ring *link) {
    return MP_CONTAINER(link, mp_socket_extras, idle_link);
}

static double now(void) {
    return mp_loop_now() / 1000.0;
}

static void arm(mp_idle_list *list) {
    struct ev_loop *ev = list->loop->ev;
    if (mp_ring_is_empty(&list->head))
        return;
    double due = extras_of(list->head.next)->idle_since + list->seconds - now();
    ev_timer_set(&list->timer, due > 0 ? due : 0, 0.);
    ev_timer_start(ev, &list->timer);
}

static void on_due(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_idle_list *list = timer->data;
    mp_loop *loop = list->loop;
    double limit = now() - list->seconds;
    (void)ev;
    (void)revents;
    while (!mp_ring_is_empty(&list->head)) {
        mp_socket_extras *extras = extras_of(list->head.next);
        if (extras->idle_since > limit + 1e-6)
            break;
        mp_tcp_socket_fail(extras->idle_socket, MP_FAULT_IDLE_TIMEOUT);
    }
    arm(list);
    mp_loop_settle(loop);
}

static mp_idle_list *list_for(mp_loop *loop, double seconds) {
    mp_idle_list *list, *empty = NULL;
    for (list = loop->idle_lists; list; list = list->next) {
        if (list->seconds == seconds)
            return list;
        if (mp_ring_is_empty(&list->head))
            empty = list;
    }
    /* One that stands empty serves again: there are no more lists than there ever were time-outs at once. */
    if (empty) {
        empty->seconds = seconds;
        return empty;
    }
    list = calloc(1, sizeof *list);
    if (!list)
        return NULL;
    list->loop = loop;
    list->seconds = seconds;
    mp_ring_init(&list->head);
    ev_timer_init(&list->timer, on_due, 0., 0.);
    list->timer.data = list;
    list->next = loop->idle_lists;
    loop->idle_lists = list;
    return list;
}

static void append(mp_idle_list *list, mp_socket_extras *extras) {
    extras->idle_since = now();
    mp_ring_append(&list->head, &extras->idle_link);
}

int mp_idle_watch(mp_tcp_socket *socket, double msec) {
    mp_socket_extras *extras = mp_tcp_socket_need_extras(socket);
    mp_idle_list *list = extras ? list_for(socket->object.loop, msec / 1000.0) : NULL;
    if (!list)
        return -ENOMEM;
    mp_idle_unwatch(socket);
    extras->idle_list = list;
    extras->idle_socket = socket;
    append(list, extras);
    if (!ev_is_active(&list->timer))
        arm(list);
    return 0;
}

void mp_idle_unwatch(mp_tcp_socket *socket) {
    mp_socket_extras *extras = socket->extras;
    if (!extras || !extras->idle_list)
        return;
    mp_ring_remove(&extras->idle_link);
    if (mp_ring_is_empty(&extras->idle_list->head))
        ev_timer_stop(socket->object.loop->ev, &extras->idle_list->timer);
    extras->idle_list = NULL;
}

void mp_idle_touch(mp_tcp_socket *socket) {
    mp_socket_extras *extras = socket->extras;
    if (!extras->idle_list)
        return;
    mp_ring_remove(&extras->idle_link);
    append(extras->idle_list, extras);
}

void mp_idle_free_lists(mp_loop *loop) {
    while (loop->idle_lists) {
        mp_idle_list *list = loop->idle_lists;
        loop->idle_lists = list->next;
        ev_timer_stop(loop->ev, &list->timer);
        free(list);
    }
}
