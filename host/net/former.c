/*
 * The previous descriptor of a listener; see former.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/former.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/descriptor.h"
#include "net/tcp_server.h"
#include "system/system.h"

/* Seconds after the change in which unfinished connects may still arrive. A client that is ignored tries
   again after one second. */
#define FORMER_SECONDS 0.25

struct mp_former {
    ev_io watcher;
    ev_timer end;
    bool shared;
};

int mp_listener_expect_former(mp_listener *listener) {
    if (!listener->former)
        listener->former = calloc(1, sizeof *listener->former);
    if (!listener->former)
        return -ENOMEM;
    listener->former->watcher.fd = -1;
    return 0;
}

int mp_listener_former(const mp_listener *listener) {
    return listener->former ? listener->former->watcher.fd : -1;
}

void mp_listener_end_former(mp_listener *listener) {
    struct mp_former *former = listener->former;
    struct ev_loop *ev = listener->network->loop.ev;
    if (!former)
        return;
    ev_io_stop(ev, &former->watcher);
    ev_timer_stop(ev, &former->end);
    if (former->watcher.fd >= 0)
        mp_listener_close_descriptor(listener->network, former->watcher.fd, former->shared);
    free(former);
    listener->former = NULL;
}

/* Accepts everyone who has connected to the former descriptor, whatever the limits. */
static void accept_former(mp_listener *listener) {
    for (int left = SOMAXCONN; left > 0 && listener->server; left--) {
        int fd = listener->kept >= 0 ? -EAGAIN
                                     : mp_system_accept(listener->former->watcher.fd, &listener->kept_peer,
                                                        &listener->kept_port);
        if (fd < 0)
            return;
        listener->kept = fd;
        (void)mp_tcp_server_accept_one(listener->server);
    }
}

static void on_former(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_listener *listener = watcher->data;
    (void)ev;
    (void)revents;
    accept_former(listener);
    mp_loop_settle(&listener->network->loop);
}

static void on_end(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_listener *listener = timer->data;
    (void)ev;
    (void)revents;
    accept_former(listener);
    mp_listener_end_former(listener);
    mp_loop_settle(&listener->network->loop);
}

void mp_listener_exchange(mp_listener *listener, mp_listener *with) {
    struct ev_loop *ev = listener->network->loop.ev;
    struct mp_former *former = with->former;
    int fd = listener->watcher.fd;
    assert(former && former->watcher.fd < 0 && fd >= 0 && with->watcher.fd >= 0);
    mp_listener_end_former(listener);
    ev_io_stop(ev, &listener->watcher);
    ev_io_set(&listener->watcher, with->watcher.fd, EV_READ);
    ev_io_set(&with->watcher, -1, 0);
    listener->address = with->address;
    listener->port = with->port;
    listener->former = former;
    with->former = NULL;
    former->shared = listener->shared;
    listener->shared = with->shared;
    with->shared = false;
    (void)mp_system_ignore_new_clients(fd);
    ev_io_init(&former->watcher, on_former, fd, EV_READ);
    ev_timer_init(&former->end, on_end, FORMER_SECONDS, 0.);
    former->watcher.data = former->end.data = listener;
    ev_io_start(ev, &former->watcher);
    ev_timer_start(ev, &former->end);
    accept_former(listener);
}
