// SPDX-License-Identifier: MIT
//
// The echo server that all others are compared with: on bare epoll, level-triggered.

#define _GNU_SOURCE
#include <sys/epoll.h>

typedef struct {
    char none[0];
} watcher;

#include "echo.h"

enum { EVENTS = 64 };

static int poller;

static void change(connection *c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &e) < 0)
        perror("epoll_ctl");
}

static void watch(connection *c) {
    change(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void rewatch(connection *c, bool writing) {
    change(c, EPOLL_CTL_MOD, writing ? EPOLLOUT : EPOLLIN);
}

static void unwatch(connection *c) {
    (void)c; // close removes it
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    connection listener = {.fd = listen_on(argv[1])};
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(&listener);

    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (c == &listener)
                take(c->fd);
            else if (c->unsent_size)
                put_unsent(c);
            else
                get(c);
        }
    }
}
