// SPDX-License-Identifier: MIT
//
// Connections to the server and the bytes on them. Byte n of a connection's stream is pattern[base + n], so
// that nothing is copied to send, and what comes back is compared with the place it has to come from.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"
#include "stream.h"

// The pattern repeats after PERIOD bytes, a prime, so that no buffer size of a server hides a shift by it.
enum { PERIOD = 65521, CHUNK = 256 * 1024 };

static unsigned char pattern[PERIOD + CHUNK];
static unsigned char incoming[CHUNK];
static struct sockaddr_in server;
static int poller = -1;
static bool sleeps;
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
    sleeps = p->sleeps;
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

void stream_connect(connection *c) {
    static uint32_t serial;
    int on = 1;

    *c = (connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .writing = true};
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    c->base = serial * 7919 % PERIOD;

    // Source addresses in turn: ports that rest in TIME_WAIT don't run out.
    struct sockaddr_in self = {.sin_family = AF_INET};
    self.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + serial++ % 100);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&self, sizeof self) < 0)
        fail("bind: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect to port %d: %s", ntohs(server.sin_port), strerror(errno));
    watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void stream_send(connection *c) {
    while (c->sent < c->goal) {
        int64_t left = c->goal - c->sent;
        size_t length = left < CHUNK ? (size_t)left : CHUNK;
        ssize_t n = send(c->fd, pattern + (c->base + (uint64_t)c->sent) % PERIOD, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            fail("send after %lld bytes: %s", (long long)c->sent, strerror(errno));
        c->sent += n;
    }
    bool unsent = c->sent < c->goal;
    if (unsent != c->writing) {
        c->writing = unsent;
        watch(c, EPOLL_CTL_MOD, unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

// Says where the stream goes wrong.
static _Noreturn void wrong(const connection *c, ssize_t n) {
    const unsigned char *expected = pattern + (c->base + (uint64_t)c->received) % PERIOD;
    ssize_t i = 0;
    while (i < n && incoming[i] == expected[i])
        i++;
    fail("wrong byte %lld: 0x%02x instead of 0x%02x", (long long)(c->received + i), incoming[i], expected[i]);
}

int64_t stream_receive(connection *c) {
    ssize_t n = recv(c->fd, incoming, sizeof incoming, 0);
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
    if (shutdown(c->fd, SHUT_WR) < 0)
        fail("shutdown: %s", strerror(errno));
}

bool stream_closed_by_server(connection *c) {
    ssize_t n = recv(c->fd, incoming, sizeof incoming, 0);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0)
        fail("the server ended a connection badly: %s", strerror(errno));
    if (n > 0)
        fail("%zd bytes too many at the end", n);
    return true;
}

void stream_close(connection *c) {
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
