// SPDX-License-Identifier: MIT
//
// Connections to the server and the bytes on them. Byte n of a connection's stream is pattern[base + n], so
// that sending copies nothing, and received bytes are compared with the right place in the pattern.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "stream.h"

// The pattern repeats after PERIOD bytes, a prime, so that a shift by a server's buffer size is noticed.
enum { PERIOD = 65521, CHUNK = 256 * 1024 };

static unsigned char pattern[PERIOD + CHUNK];
static unsigned char incoming[CHUNK];
static struct sockaddr_in server;
static struct sockaddr_un local; // instead of it, if its size isn't 0
static socklen_t local_size;
static int poller = -1;
static bool sleeps, speaks_tls, resumes;
static unsigned char hello[1024];
static size_t hello_size;
connection *ready[READY_MAX];

void streams_init(const plan *p) {
    // Lower-case letters only: '*' begins a message that is for everyone (fan-out).
    uint32_t x = 2463534242;
    for (size_t i = 0; i < sizeof pattern; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        pattern[i] = i < PERIOD ? (unsigned char)('a' + x % 26) : pattern[i - PERIOD];
    }
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(p->port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    local.sun_family = AF_UNIX;
    if (p->local)
        local_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                 (size_t)snprintf(local.sun_path + 1, sizeof local.sun_path - 1,
                                                  "moonport-bench-%d", p->port));
    sleeps = p->sleeps;
    speaks_tls = p->tls;
    resumes = p->resumes;
    if (speaks_tls) {
        tls_init();
        hello_size = tls_hello(hello, sizeof hello);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        fail("epoll_create1: %s", strerror(errno));
}

void stream_publish(connection *all, int count, int64_t size, uint32_t serial) {
    static uint32_t star;
    static unsigned char under_star;
    if (under_star)
        pattern[star] = under_star;
    star = serial * 7919 % PERIOD;
    under_star = pattern[star];
    pattern[star] = '*';
    for (int i = 0; i < count; i++)
        all[i] = (connection){.fd = all[i].fd, .base = star, .sent = size, .goal = size};
}

static void watch(connection *c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &e) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

// Returns a socket that connects to the server.
// The system doesn't wait for room in the backlog of a Unix-domain socket.
static int dial_local(int flags) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    while (connect(fd, (struct sockaddr *)&local, local_size) < 0)
        if (errno != EAGAIN)
            fail("connect to %s: %s", local.sun_path + 1, strerror(errno));
    return fd;
}

static int dial(uint32_t serial, int flags) {
    int on = 1;
    if (local_size > 0)
        return dial_local(flags);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));

    // Alternates source addresses, so that ports in TIME_WAIT don't use up all of them.
    struct sockaddr_in self = {.sin_family = AF_INET};
    self.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + serial % 100);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&self, sizeof self) < 0)
        fail("bind: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect to port %d: %s", ntohs(server.sin_port), strerror(errno));
    return fd;
}

void stream_connect(connection *c) {
    static uint32_t serial;
    *c = (connection){.fd = dial(serial, SOCK_NONBLOCK), .ticket = c->ticket, .writing = true};
    c->base = serial++ * 7919 % PERIOD;
    if (speaks_tls)
        c->tls = tls_begin(c->fd, resumes ? &c->ticket : NULL);
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void stream_begin_hello(connection *c) {
    static uint32_t serial;
    c->fd = dial(serial++, 0);
    if (send(c->fd, hello, hello_size / 2, MSG_NOSIGNAL) < 0 && errno != ECONNRESET && errno != EPIPE)
        fail("send of half a ClientHello: %s", strerror(errno));
}

bool stream_give_up(connection *c) {
    ssize_t n = recv(c->fd, incoming, sizeof incoming, MSG_DONTWAIT);
    bool ended = n >= 0 || errno != EAGAIN;
    close(c->fd);
    return ended;
}

void stream_send(connection *c) {
    while (c->sent < c->goal) {
        int64_t left = c->goal - c->sent;
        size_t length = left < CHUNK ? (size_t)left : CHUNK;
        const unsigned char *data = pattern + (c->base + (uint64_t)c->sent) % PERIOD;
        ssize_t n = c->tls ? tls_send(c->tls, data, length) : send(c->fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            fail("send after %lld bytes: %s", (long long)c->sent, strerror(errno));
        c->sent += n;
    }
    bool full = c->sent < c->goal && (!c->tls || tls_wants_write(c->tls));
    if (full != c->writing) {
        c->writing = full;
        watch(c, EPOLL_CTL_MOD, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

// Reports the first wrong byte.
static _Noreturn void wrong(const connection *c, ssize_t n) {
    const unsigned char *expected = pattern + (c->base + (uint64_t)c->received) % PERIOD;
    ssize_t i = 0;
    while (i < n && incoming[i] == expected[i])
        i++;
    fail("wrong byte %lld: 0x%02x instead of 0x%02x", (long long)(c->received + i), incoming[i], expected[i]);
}

// Behind close_notify, TCP's end is read by recv.
static ssize_t receive(connection *c) {
    return c->tls && !tls_is_over(c->tls) ? tls_receive(c->tls, incoming, sizeof incoming)
                                          : recv(c->fd, incoming, sizeof incoming, 0);
}

int64_t stream_receive(connection *c) {
    // Only sending makes the handshake: no event follows its end, so a receive would leave bytes unsent.
    if (c->tls && tls_is_young(c->tls))
        return 0;
    ssize_t n = receive(c);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        fail("recv after %lld bytes: %s", (long long)c->received, strerror(errno));
    if (n == 0)
        fail("the server closed a connection after %lld bytes", (long long)c->received);
    if (c->received + n > c->sent)
        fail("%lld bytes came back for %lld", (long long)(c->received + n), (long long)c->sent);
    if (memcmp(incoming, pattern + (c->base + (uint64_t)c->received) % PERIOD, (size_t)n) != 0)
        wrong(c, n);
    c->received += n;
    return n;
}

void stream_half_close(connection *c) {
    if (c->tls)
        tls_say_goodbye(c->tls);
    if (shutdown(c->fd, SHUT_WR) < 0)
        fail("shutdown: %s", strerror(errno));
}

bool stream_closed_by_server(connection *c) {
    bool bare = !c->tls || tls_is_over(c->tls);
    ssize_t n = receive(c);
    if (n == 0 && !bare)
        n = receive(c);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0)
        fail("the server ended a connection badly: %s", strerror(errno));
    if (n > 0)
        fail("%zd bytes too many at the end", n);
    return true;
}

void stream_close(connection *c) {
    if (c->tls)
        tls_end(c->tls);
    c->tls = NULL;
    close(c->fd);
    c->fd = -1;
}

int streams_poll(int64_t ns) {
    struct epoll_event events[READY_MAX];
    struct timespec wait = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int64_t end = 0;
    int n;
    for (;;) {
        n = sleeps ? epoll_pwait2(poller, events, READY_MAX, &wait, NULL)
                   : epoll_wait(poller, events, READY_MAX, 0);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        if (n != 0 || sleeps || ns <= 0)
            break;
        if (end == 0)
            end = now() + ns;
        else if (now() >= end)
            break;
    }
    for (int i = 0; i < n; i++)
        ready[i] = events[i].data.ptr;
    return n < 0 ? 0 : n;
}

int streams_wait(void) {
    int n = streams_poll(PATIENCE);
    if (n == 0)
        fail("nothing came for ten seconds");
    return n;
}
