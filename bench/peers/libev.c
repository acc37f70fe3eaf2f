// SPDX-License-Identifier: MIT
//
// The same echo server on libev, as in its manual: one ev_io for each connection.

#define _GNU_SOURCE
#include <ev.h>

typedef ev_io watcher;

#include "echo.h"

static struct ev_loop *loop;

static void ready(struct ev_loop *l, ev_io *w, int events) {
    (void)l, (void)events;
    connection *c = (connection *)w; // the watcher is its first member
    if (c->unsent_size)
        put_unsent(c);
    else
        get(c);
}

static void acceptable(struct ev_loop *l, ev_io *w, int events) {
    (void)l, (void)events;
    take(w->fd);
}

static void watch(connection *c) {
    ev_io_init(&c->watcher, ready, c->fd, EV_READ);
    ev_io_start(loop, &c->watcher);
}

static void rewatch(connection *c, bool writing) {
    ev_io_stop(loop, &c->watcher);
    ev_io_set(&c->watcher, c->fd, writing ? EV_WRITE : EV_READ);
    ev_io_start(loop, &c->watcher);
}

static void unwatch(connection *c) {
    ev_io_stop(loop, &c->watcher);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    ev_io listener;
    loop = ev_default_loop(0);
    ev_io_init(&listener, acceptable, listen_on(argv[1]), EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
}
