// SPDX-License-Identifier: MIT
//
// The echo server that all others over TLS are compared with: on bare epoll, level-triggered. OpenSSL reads
// and writes the sockets itself: epoll_tls CERTIFICATE KEY PORT

#define _GNU_SOURCE
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "listen.h"

enum { EVENTS = 64 };

typedef struct connection {
    SSL *tls;
    char *unsent;
    int unsent_size, fd;
    uint32_t events; // that epoll reports
} connection;

static SSL_CTX *context;
static int poller;
static char buffer[65536];

static void watch(connection *c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    c->events = events;
    if (epoll_ctl(poller, operation, c->fd, &e) < 0)
        perror("epoll_ctl");
}

static void rewatch(connection *c, uint32_t events) {
    if (c->events != events)
        watch(c, EPOLL_CTL_MOD, events);
}

static void drop(connection *c) {
    SSL_free(c->tls);
    close(c->fd);
    free(c->unsent);
    free(c);
}

// After a call that returned n <= 0: waits for what OpenSSL needs, or ends the connection.
static void wait_or_end(connection *c, int n) {
    switch (SSL_get_error(c->tls, n)) {
    case SSL_ERROR_WANT_READ: rewatch(c, EPOLLIN); return;
    case SSL_ERROR_WANT_WRITE: rewatch(c, EPOLLOUT); return;
    case SSL_ERROR_ZERO_RETURN: SSL_shutdown(c->tls); break;
    default: ERR_clear_error();
    }
    drop(c);
}

// Returns true if all bytes are sent. Otherwise it stores the rest, or drops the connection.
static bool put(connection *c, const char *data, int size) {
    while (size > 0) {
        int n = SSL_write(c->tls, data, size);
        if (n <= 0) {
            char *rest = malloc((size_t)size);
            if (!rest)
                abort();
            memcpy(rest, data, (size_t)size);
            free(c->unsent);
            c->unsent = rest;
            c->unsent_size = size;
            wait_or_end(c, n);
            return false;
        }
        data += n;
        size -= n;
    }
    free(c->unsent);
    c->unsent = NULL;
    c->unsent_size = 0;
    return true;
}

static void ready(connection *c) {
    if (c->unsent_size && !put(c, c->unsent, c->unsent_size))
        return;
    do {
        int n = SSL_read(c->tls, buffer, sizeof buffer);
        if (n <= 0) {
            wait_or_end(c, n);
            return;
        }
        if (!put(c, buffer, n))
            return;
    } while (SSL_has_pending(c->tls));
    rewatch(c, EPOLLIN);
}

static void take(int listener) {
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept_one(listener);
        if (fd < 0)
            return;
        connection *c = calloc(1, sizeof *c);
        if (!c || !(c->tls = SSL_new(context)) || !SSL_set_fd(c->tls, fd))
            abort();
        SSL_set_accept_state(c->tls);
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void prepare(const char *certificate, const char *key) {
    context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_read_ahead(context, 1); // one recv for a record, not two
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    signal(SIGPIPE, SIG_IGN); // OpenSSL writes without MSG_NOSIGNAL
    prepare(argv[1], argv[2]);
    connection listener = {.fd = listen_on(argv[3])};
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);

    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (c == &listener)
                take(c->fd);
            else
                ready(c);
        }
    }
}
