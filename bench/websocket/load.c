/*
 * WebSockets as a load.   load PORT PATH CONNECTIONS SIZE SECONDS
 * Opens the connections, prints "ready", and begins with a line on standard input. Then each keeps one
 * message under way, for so many seconds; or with SECONDS 0 one sends a message that begins with "*", which
 * all get, ten times. Prints how many messages came. It ends with its standard input.
 *
 * A server that sends the request back speaks no WebSocket: it gets the same messages as plain bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 65000, ROUNDS = 10, PATIENCE = 10 };

typedef struct connection {
    int fd;
    size_t received; /* bytes of the message that is awaited */
    bool pinged;     /* the first byte of a ping has come */
} connection;

static char message[LARGEST + 14], answer[LARGEST + 14];
static size_t message_size, answer_size, payload;
static bool plain;

static void fail(const char *what) {
    fprintf(stderr, "websocket load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            (void)poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
            continue;
        }
        if (n <= 0)
            fail("send");
        data += n;
        size -= (size_t)n;
    }
}

/* The head of a frame of the payload, with a mask of zeros from a client. */
static size_t write_head(char *head, bool client) {
    size_t at = 0;
    head[at++] = (char)0x82;
    int mask = client ? 0x80 : 0;
    if (payload < 126) {
        head[at++] = (char)(mask | (int)payload);
    } else {
        head[at++] = (char)(mask | 126);
        head[at++] = (char)(payload >> 8);
        head[at++] = (char)payload;
    }
    if (client) {
        memcpy(head + at, "\0\0\0\0", 4);
        at += 4;
    }
    return at;
}

/* `first` is the payload's first byte. */
static void compose(char first) {
    size_t sent_head = plain ? 0 : write_head(message, true), head = plain ? 0 : write_head(answer, false);
    memset(message + sent_head, 'x', payload);
    memset(answer + head, 'x', payload);
    message[sent_head] = answer[head] = first;
    message_size = sent_head + payload;
    answer_size = head + payload;
}

static int open_one(int port, const char *request) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char got[4096];
    size_t size = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = PATIENCE},
                     sizeof(struct timeval));
    send_all(fd, request, strlen(request));
    while (size < 4 || memcmp(got + size - 4, "\r\n\r\n", 4) != 0) {
        ssize_t n = size < sizeof got ? recv(fd, got + size, 1, 0) : 0;
        if (n <= 0)
            fail("no answer to the handshake");
        size++;
    }
    plain = memcmp(got, "GET", 3) == 0;
    if (!plain && memcmp(got, "HTTP/1.1 101", 12) != 0)
        fail("no WebSocket");
    return fd;
}

/* A server that hears nothing for a while sends an empty ping. */
static bool skip_ping(connection *c, char byte) {
    if (c->pinged) {
        c->pinged = false;
        send_all(c->fd, "\x8a\x80\0\0\0", 6);
        return true;
    }
    c->pinged = !plain && c->received == 0 && byte == '\x89';
    return c->pinged;
}

/* Takes what has come. -> messages that are complete with it */
static long take(connection *c) {
    static char got[1 << 16];
    long complete = 0;
    ssize_t n = recv(c->fd, got, sizeof got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        fail("the server ended a connection");
    for (ssize_t i = 0; i < n;) {
        if (skip_ping(c, got[i])) {
            i++;
            continue;
        }
        size_t part = answer_size - c->received;
        if ((size_t)(n - i) < part)
            part = (size_t)(n - i);
        if (memcmp(got + i, answer + c->received, part) != 0) {
            errno = 0;
            fail("a wrong byte");
        }
        i += (ssize_t)part;
        c->received += part;
        if (c->received == answer_size) {
            c->received = 0;
            complete++;
        }
    }
    return complete;
}

static int poll_some(int poll_fd, struct epoll_event *events, int most) {
    double end = now() + PATIENCE;
    int count;
    do
        count = epoll_wait(poll_fd, events, most, 0);
    while (count == 0 && now() < end);
    if (count <= 0)
        fail("silence");
    return count;
}

static long echo(connection *all, int count, int poll_fd, double seconds) {
    struct epoll_event events[256];
    long done = 0;
    int under_way = count;
    compose('x');
    for (int i = 0; i < count; i++)
        send_all(all[i].fd, message, message_size);
    for (double end = now() + seconds; under_way > 0;) {
        int ready = poll_some(poll_fd, events, 256);
        bool goes_on = now() < end;
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (take(c) == 0)
                continue;
            done++;
            if (goes_on)
                send_all(c->fd, message, message_size);
            else
                under_way--;
        }
    }
    return done;
}

static long fan_out(connection *all, int count, int poll_fd) {
    struct epoll_event events[256];
    long done = 0;
    compose('*');
    for (int round = 0; round < ROUNDS; round++) {
        send_all(all[round % count].fd, message, message_size);
        for (long goal = done + count; done < goal;) {
            int ready = poll_some(poll_fd, events, 256);
            for (int i = 0; i < ready; i++)
                done += take(events[i].data.ptr);
        }
    }
    return done;
}

int main(int argc, char **argv) {
    struct rlimit most;
    char request[256], line[16];
    if (argc != 6)
        return 1;
    int port = atoi(argv[1]), count = atoi(argv[3]), poll_fd = epoll_create1(0);
    double seconds = atof(argv[5]);
    payload = (size_t)atoi(argv[4]);
    if (payload < 1 || payload > LARGEST || count < 1)
        return 1;
    (void)getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &most);
    (void)snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   argv[2]);
    connection *all = calloc((size_t)count, sizeof *all);
    if (!all)
        fail("memory");
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        all[i].fd = open_one(port, request);
        (void)epoll_ctl(poll_fd, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    printf("ready\n");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%ld\n", seconds > 0 ? echo(all, count, poll_fd, seconds) : fan_out(all, count, poll_fd));
        (void)fflush(stdout);
    }
    return 0;
}
