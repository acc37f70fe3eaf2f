/*
 * A name server for the unit tests, on 127.0.0.1 and the test's own loop. Its records say whether it answers,
 * refuses, stays silent or answers late. It counts the questions. It supports A, AAAA and CNAME, and no more
 * of DNS.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum dns_mode {
    DNS_ANSWER,
    DNS_NO_SUCH_NAME,
    DNS_FAILURE,
    DNS_SILENT,
    DNS_SILENT_ON_AAAA,
    DNS_SILENT_ON_A,
    DNS_LATE,      /* answered at dns_server_release */
    DNS_TRUNCATED, /* over UDP: the client must ask again over TCP */
    DNS_NONSENSE
};

typedef struct dns_record {
    const char *name;
    enum dns_mode mode;
    uint32_t ttl;
    const char *a, *aaaa; /* NULL: no such data */
    uint32_t alias_ttl;   /* 0: no alias */
    unsigned questions;   /* for A */
    unsigned aaaa_questions;
} dns_record;

typedef struct dns_packet {
    struct sockaddr_in from;
    size_t size;
    uint8_t bytes[512];
} dns_packet;

typedef struct dns_server {
    struct ev_loop *loop;
    ev_io udp, tcp, connection; /* none keeps the loop running */
    char address[32];           /* 127.0.0.1:port */
    dns_record *records;        /* the last has no name, and matches all other names */
    unsigned connections;
    dns_packet late[16];
    size_t late_count;
} dns_server;

enum { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };

static inline void dns_watch(dns_server *server, ev_io *io, int fd,
                             void (*call)(struct ev_loop *, ev_io *, int)) {
    ev_io_init(io, call, fd, EV_READ);
    io->data = server;
    ev_io_start(server->loop, io);
    ev_unref(server->loop);
}

static inline void dns_unwatch(dns_server *server, ev_io *io) {
    if (!ev_is_active(io))
        return;
    ev_ref(server->loop);
    ev_io_stop(server->loop, io);
    close(io->fd);
}

static inline uint8_t *dns_put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static inline uint8_t *dns_put_record(uint8_t *at, uint32_t name, uint32_t type, uint32_t ttl,
                                      const void *data, uint32_t size) {
    at = dns_put(at, name, 2);
    at = dns_put(at, type, 2);
    at = dns_put(at, 1, 2);
    at = dns_put(at, ttl, 4);
    at = dns_put(at, size, 2);
    memcpy(at, data, size);
    return at + size;
}

/* Reads the name of the question; returns the question's size. */
static inline size_t dns_question(const dns_packet *packet, char name[256]) {
    const uint8_t *at = packet->bytes + 12;
    size_t length = 0;
    while (*at) {
        memcpy(name + length, at + 1, *at);
        length += *at;
        name[length++] = '.';
        at += *at + 1;
    }
    name[length ? length - 1 : 0] = '\0';
    return (size_t)(at + 5 - (packet->bytes + 12));
}

static inline dns_record *dns_find(dns_server *server, const dns_packet *packet) {
    char name[256];
    dns_record *record = server->records;
    dns_question(packet, name);
    while (record->name && strcasecmp(record->name, name) != 0)
        record++;
    return record;
}

/* Turns a question into its answer; returns false for silence. */
static inline bool dns_answer(dns_packet *packet, const dns_record *record, bool stream) {
    static const uint8_t alias[] = "\005alias\004test"; /* with its final zero */
    char name[256];
    size_t question = dns_question(packet, name);
    uint8_t *at = packet->bytes + 12 + question;
    uint32_t type = at[-3], flags = 0x8180, count = 0, owner = 0xc00c;
    const char *text = type == DNS_TYPE_A ? record->a : record->aaaa;
    uint8_t address[16];
    if (record->mode == DNS_SILENT || (record->mode == DNS_SILENT_ON_AAAA && type == DNS_TYPE_AAAA) ||
        (record->mode == DNS_SILENT_ON_A && type == DNS_TYPE_A))
        return false;
    if (record->mode == DNS_NO_SUCH_NAME)
        flags |= 3;
    else if (record->mode == DNS_FAILURE)
        flags |= 2;
    else if (record->mode == DNS_TRUNCATED && !stream)
        flags |= 0x200;
    else if (record->mode == DNS_NONSENSE)
        count = 3; /* and no records follow */
    else if (text) {
        if (record->alias_ttl) {
            at = dns_put_record(at, owner, DNS_TYPE_CNAME, record->alias_ttl, alias, sizeof alias);
            owner = (uint32_t)(0xc000 + (at - packet->bytes) - (int)sizeof alias);
            count++;
        }
        inet_pton(type == DNS_TYPE_A ? AF_INET : AF_INET6, text, address);
        at = dns_put_record(at, owner, type, record->ttl, address, type == DNS_TYPE_A ? 4 : 16);
        count++;
    }
    dns_put(packet->bytes + 2, flags, 2);
    dns_put(packet->bytes + 6, count, 2);
    memset(packet->bytes + 8, 0, 4);
    packet->size = (size_t)(at - packet->bytes);
    return true;
}

static inline void dns_send(dns_server *server, const dns_packet *packet) {
    sendto(server->udp.fd, packet->bytes, packet->size, 0, (const struct sockaddr *)&packet->from,
           sizeof packet->from);
}

/* Reads and answers what has arrived over UDP. */
static inline void dns_server_poll(dns_server *server) {
    dns_packet packet;
    socklen_t length = sizeof packet.from;
    ssize_t size;
    while ((size = recvfrom(server->udp.fd, packet.bytes, sizeof packet.bytes, MSG_DONTWAIT,
                            (struct sockaddr *)&packet.from, &length)) > 16) {
        dns_record *record = dns_find(server, &packet);
        packet.size = (size_t)size;
        if (packet.bytes[size - 3] == DNS_TYPE_A)
            record->questions++;
        else
            record->aaaa_questions++;
        if (record->mode == DNS_LATE && server->late_count < sizeof server->late / sizeof *server->late)
            server->late[server->late_count++] = packet;
        else if (dns_answer(&packet, record, false))
            dns_send(server, &packet);
    }
}

/* Sends the late answers as if they were in time. */
static inline void dns_server_release(dns_server *server) {
    while (server->late_count > 0) {
        dns_packet *packet = &server->late[--server->late_count];
        if (dns_answer(packet, dns_find(server, packet), false))
            dns_send(server, packet);
    }
}

static inline void dns_on_packet(struct ev_loop *loop, ev_io *io, int events) {
    (void)loop, (void)events;
    dns_server_poll(io->data);
}

static inline void dns_on_stream(struct ev_loop *loop, ev_io *io, int events) {
    dns_server *server = io->data;
    dns_packet packet = {.size = 0};
    uint8_t head[2];
    (void)loop, (void)events;
    if (recv(io->fd, head, 2, MSG_WAITALL) != 2) {
        dns_unwatch(server, io);
        return;
    }
    packet.size = (size_t)(head[0] << 8 | head[1]);
    assert(packet.size <= sizeof packet.bytes);
    if (recv(io->fd, packet.bytes, packet.size, MSG_WAITALL) == (ssize_t)packet.size &&
        dns_answer(&packet, dns_find(server, &packet), true)) {
        dns_put(head, (uint32_t)packet.size, 2);
        send(io->fd, head, 2, MSG_NOSIGNAL | MSG_MORE);
        send(io->fd, packet.bytes, packet.size, MSG_NOSIGNAL);
    }
}

static inline void dns_on_connection(struct ev_loop *loop, ev_io *io, int events) {
    dns_server *server = io->data;
    (void)loop, (void)events;
    dns_unwatch(server, &server->connection);
    server->connections++;
    dns_watch(server, &server->connection, accept(io->fd, NULL, NULL), dns_on_stream);
}

/* UDP and TCP on one port. Another socket may have the port in the other protocol, so this tries several. */
static inline void dns_server_start(dns_server *server, struct ev_loop *loop, dns_record *records) {
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    int udp, tcp, tries = 0, bound;
    memset(server, 0, sizeof *server);
    server->loop = loop;
    server->records = records;
    do {
        memset(&name, 0, sizeof name);
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bound = bind(tcp, (struct sockaddr *)&name, sizeof name) == 0 && listen(tcp, 8) == 0 &&
                getsockname(tcp, (struct sockaddr *)&name, &length) == 0 &&
                bind(udp, (struct sockaddr *)&name, sizeof name) == 0;
        if (!bound) {
            close(tcp);
            close(udp);
        }
    } while (!bound && ++tries < 100);
    assert(bound);
    snprintf(server->address, sizeof server->address, "127.0.0.1:%d", ntohs(name.sin_port));
    dns_watch(server, &server->udp, udp, dns_on_packet);
    dns_watch(server, &server->tcp, tcp, dns_on_connection);
}

static inline void dns_server_stop(dns_server *server) {
    dns_unwatch(server, &server->connection);
    dns_unwatch(server, &server->tcp);
    dns_unwatch(server, &server->udp);
}

#endif
