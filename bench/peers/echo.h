// SPDX-License-Identifier: MIT
//
// The common part of the plain C servers: an echo server without a loop. It reads into one buffer, sends at
// once and stores only what the kernel doesn't take. A message that begins with '*' goes to every connection.
// The including file has the type `watcher` and defines the three functions below.

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

typedef struct connection {
    watcher watcher;
    struct connection *next, **link;
    char *unsent;
    size_t unsent_size;
    int fd;
} connection;

static void watch(connection *c);                 // for reading, the first time
static void rewatch(connection *c, bool writing); // for writing, or for reading again
static void unwatch(connection *c);

static connection *connections;
static char buffer[65536];

static void drop(connection *c) {
    if (c->next)
        c->next->link = c->link;
    *c->link = c->next;
    unwatch(c);
    close(c->fd);
    free(c->unsent);
    free(c);
}

static void take(int listener) {
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept_one(listener);
        if (fd < 0)
            return;
        connection *c = calloc(1, sizeof *c);
        if (!c)
            abort();
        c->fd = fd;
        c->next = connections;
        c->link = &connections;
        if (c->next)
            c->next->link = &c->next;
        connections = c;
        watch(c);
    }
}

static void keep(connection *c, const char *data, size_t size) {
    char *all = realloc(c->unsent, c->unsent_size + size);
    if (!all)
        abort();
    memcpy(all + c->unsent_size, data, size);
    if (c->unsent_size == 0)
        rewatch(c, true);
    c->unsent = all;
    c->unsent_size += size;
}

static void put(connection *c, const char *data, size_t size) {
    ssize_t n = c->unsent_size ? 0 : send(c->fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        return; // the next recv reports the error
    size_t sent = n < 0 ? 0 : (size_t)n;
    if (sent < size)
        keep(c, data + sent, size - sent);
}

static void put_unsent(connection *c) {
    ssize_t n = send(c->fd, c->unsent, c->unsent_size, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        drop(c);
        return;
    }
    c->unsent_size -= (size_t)n;
    memmove(c->unsent, c->unsent + n, c->unsent_size);
    if (c->unsent_size == 0) {
        free(c->unsent);
        c->unsent = NULL;
        rewatch(c, false);
    }
}

static void get(connection *c) {
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        drop(c);
    else if (buffer[0] != '*')
        put(c, buffer, (size_t)n);
    else
        for (connection *each = connections; each; each = each->next)
            put(each, buffer, (size_t)n);
}
