/*
 * Connecting to a Unix-domain socket; see local_connect.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/local_connect.h"

#include <errno.h>
#include <stdlib.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "system/local.h"
#include "system/system.h"

/* Seconds until a full backlog is tried again: at first, and at most. */
#define FIRST_PAUSE 0.002
#define LONGEST_PAUSE 0.05

struct mp_local_connect {
    mp_network *network;
    mp_local_name name;
    int fd, own_fd; /* -1: none */
    double pause;
    ev_timer again;
    mp_socket_options *options;
    mp_local_connected *over;
    void *owner;
};

static void fail(mp_local_connect *connect, enum mp_fault fault) {
    if (connect->fd >= 0 && connect->fd != connect->own_fd)
        mp_descriptor_close(connect->network, connect->fd);
    connect->fd = -1;
    connect->over(connect->owner, -1, fault);
}

static void try_again_later(mp_local_connect *connect) {
    ev_timer_set(&connect->again, connect->pause, 0.);
    ev_timer_start(connect->network->loop.ev, &connect->again);
    connect->pause = connect->pause * 2 < LONGEST_PAUSE ? connect->pause * 2 : LONGEST_PAUSE;
}

static void attempt(mp_local_connect *connect) {
    mp_socket_options_apply(connect->options, connect->fd, connect->network->loop.log_level);
    int result = mp_system_connect_local(connect->fd, &connect->name);
    if (result == -EAGAIN || result == -EWOULDBLOCK) {
        try_again_later(connect);
    } else if (result < 0) {
        fail(connect, mp_fault_from_errno(MP_ATTEMPT_CONNECT_LOCAL, -result));
    } else {
        int fd = connect->fd;
        connect->fd = -1;
        connect->over(connect->owner, fd, MP_FAULT_NONE);
    }
}

void mp_local_connect_begin(mp_local_connect *connect) {
    assert(connect->fd < 0);
    int fd = connect->own_fd;
    if (fd < 0)
        fd = mp_reserve_is_whole() ? mp_system_socket(AF_UNIX) : -ENOMEM;
    if (fd < 0) {
        fail(connect, mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd));
        return;
    }
    connect->fd = fd;
    mp_descriptor_own(connect->network, fd);
    attempt(connect);
}

static void on_again(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_local_connect *connect = timer->data;
    mp_loop *loop = &connect->network->loop;
    (void)ev;
    (void)revents;
    attempt(connect);
    mp_loop_settle(loop);
}

mp_local_connect *mp_local_connect_new(mp_network *network, const mp_local_name *name, int own_fd,
                                       mp_socket_options *options, mp_local_connected *over, void *owner) {
    mp_local_connect *connect = calloc(1, sizeof *connect);
    if (!connect)
        return NULL;
    connect->network = network;
    connect->name = *name;
    connect->fd = -1;
    connect->own_fd = own_fd;
    connect->pause = FIRST_PAUSE;
    connect->options = options;
    connect->over = over;
    connect->owner = owner;
    ev_timer_init(&connect->again, on_again, FIRST_PAUSE, 0.);
    connect->again.data = connect;
    return connect;
}

void mp_local_connect_free(mp_local_connect *connect) {
    if (!connect)
        return;
    ev_timer_stop(connect->network->loop.ev, &connect->again);
    if (connect->fd >= 0 && connect->fd != connect->own_fd)
        mp_descriptor_close(connect->network, connect->fd);
    free(connect);
}
