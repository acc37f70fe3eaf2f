/*
 * Any bytes as what recvmmsg gives: peers, ancillary data that may be cut, sizes, of several datagrams at
 * once. A head says what the whole messages said and no more, also behind a queue; and an answer with such
 * a head has ancillary data that says the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "data/datagram.h"
#include "system/datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { ROOM = 128, SHORT = 300 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* --- the input ------------------------------------------------------------------------------------------ */

static const uint8_t *input, *input_end;

static uint8_t byte(void) {
    return input < input_end ? *input++ : 0;
}

static void bytes(void *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = byte();
}

/* --- what the system gives ------------------------------------------------------------------------------ */

typedef struct expectation {
    uint32_t interface;
    int hop_limit, service;
    mp_address local;
    unsigned size;
} expectation;

static expectation expected[MP_DATAGRAM_SLOTS];

static void set_peer(struct msghdr *header) {
    mp_socket_address *peer = header->msg_name;
    switch (byte() % 4) {
    case 0: header->msg_namelen = 0; return; /* of a connected socket */
    case 1:
        bytes(&peer->v4, sizeof peer->v4);
        peer->any.sa_family = AF_INET;
        header->msg_namelen = sizeof peer->v4;
        return;
    case 2:
        bytes(&peer->v6, sizeof peer->v6);
        peer->any.sa_family = AF_INET6;
        header->msg_namelen = sizeof peer->v6;
        return;
    default:
        bytes(&peer->v6, sizeof peer->v6);
        header->msg_namelen = sizeof peer->v6;
        return;
    }
}

static const struct {
    int level, type;
    size_t size;
} kinds[] = {{IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo)},
             {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo)},
             {IPPROTO_IP, IP_TTL, sizeof(int)},
             {IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(int)},
             {IPPROTO_IP, IP_TOS, 1},
             {IPPROTO_IPV6, IPV6_TCLASS, sizeof(int)},
             {SOL_SOCKET, SO_TIMESTAMP, 16},
             {IPPROTO_IP, IP_RECVOPTS, 40}};

static void note(expectation *it, int level, int type, const uint8_t *data, size_t size) {
    int number = *data;
    if (size >= sizeof number)
        memcpy(&number, data, sizeof number);
    if (level == IPPROTO_IP && type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, data, sizeof info);
        mp_address_set_ipv4(&it->local, ntohl(info.ipi_addr.s_addr));
        it->interface = (uint32_t)info.ipi_ifindex;
    } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, data, sizeof info);
        mp_address_set_ipv6(&it->local, info.ipi6_addr.s6_addr);
        mp_address_unmap(&it->local);
        it->interface = (uint32_t)info.ipi6_ifindex;
    } else if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT)) {
        it->hop_limit = (int16_t)number;
    } else if ((level == IPPROTO_IP && type == IP_TOS) || (level == IPPROTO_IPV6 && type == IPV6_TCLASS)) {
        it->service = number & 0xff;
    }
}

/* As the kernel does: a message that doesn't fit is cut, and is the last one. What it hasn't written is
   poisoned by a value that no message here has. */
static void set_control(struct msghdr *header, expectation *it) {
    REQUIRE(header->msg_controllen == ROOM);
    memset(header->msg_control, 0xa5, ROOM);
    size_t room = ROOM, count = byte() % 7, used = 0;
    for (size_t i = 0; i < count && room - used > sizeof(struct cmsghdr); i++) {
        size_t kind = byte() % (sizeof kinds / sizeof *kinds), size = kinds[kind].size;
        uint8_t data[64] = {0};
        bytes(data, size);
        struct cmsghdr message = {.cmsg_level = kinds[kind].level, .cmsg_type = kinds[kind].type};
        bool whole = CMSG_LEN(size) <= room - used;
        message.cmsg_len = whole ? CMSG_LEN(size) : room - used;
        char *at = (char *)header->msg_control + used;
        memcpy(at, &message, sizeof message);
        memcpy(at + CMSG_LEN(0), data, message.cmsg_len - CMSG_LEN(0));
        if (whole)
            note(it, kinds[kind].level, kinds[kind].type, data, size);
        used += CMSG_SPACE(size) < room - used ? CMSG_SPACE(size) : room - used;
    }
    header->msg_controllen = used;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    (void)fd, (void)flags, (void)timeout;
    unsigned given = 0;
    for (; given < count && input < input_end; given++) {
        expectation *it = &expected[MP_DATAGRAM_SLOTS - count + given];
        *it = (expectation){.hop_limit = -1, .service = -1};
        mp_address_set_null(&it->local);
        set_peer(&messages[given].msg_hdr);
        set_control(&messages[given].msg_hdr, it);
        it->size = messages[given].msg_len = byte() == 255 ? 65527 : byte();
        if (it->size < SHORT)
            bytes(messages[given].msg_hdr.msg_iov->iov_base, it->size);
    }
    errno = byte() % 2 ? EAGAIN : ECONNREFUSED;
    return given > 0 ? (int)given : -1;
}

/* --- what is sent back ---------------------------------------------------------------------------------- */

static const mp_datagram *sent;

/* Ancillary data of what leaves says what its head says. */
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    (void)fd, (void)flags;
    for (unsigned i = 0; i < count; i++) {
        struct msghdr *header = &messages[i].msg_hdr;
        const mp_datagram_head *head = sent[i].head;
        int found = 0, hop_limit = -1, service = -1;
        REQUIRE(header->msg_controllen <= ROOM && header->msg_iov->iov_len == head->size);
        for (struct cmsghdr *it = CMSG_FIRSTHDR(header); it; it = CMSG_NXTHDR(header, it), found++) {
            if (it->cmsg_type == IP_TTL || it->cmsg_type == IPV6_HOPLIMIT)
                memcpy(&hop_limit, CMSG_DATA(it), sizeof hop_limit);
            else if (it->cmsg_type == IP_TOS || it->cmsg_type == IPV6_TCLASS)
                memcpy(&service, CMSG_DATA(it), sizeof service);
        }
        REQUIRE(found <= 3 && service == head->service);
        REQUIRE(hop_limit == (head->hop_limit < 0 ? -1 : head->hop_limit));
    }
    return (int)count;
}

/* --- checks --------------------------------------------------------------------------------------------- */

static void check_head(const mp_datagram_head *head, const expectation *it) {
    mp_address peer;
    uint16_t port;
    char text[MP_ADDRESS_TEXT];
    REQUIRE(head->size == it->size && head->whole == it->size);
    REQUIRE(head->hop_limit == it->hop_limit && head->service == it->service);
    REQUIRE(head->interface == it->interface && mp_address_equal(&head->local, &it->local));
    mp_datagram_peer(head, &peer, &port);
    REQUIRE(!mp_address_is_null(&peer) || port == 0);
    REQUIRE(mp_address_format(&peer, text) < sizeof text);
    mp_socket_address again;
    if (!mp_address_is_null(&peer) && mp_socket_address_set(&again, &peer, port, true) == 0) {
        const mp_datagram_head other = {.peer = again};
        mp_address same;
        uint16_t same_port;
        mp_datagram_peer(&other, &same, &same_port);
        REQUIRE(mp_address_is_equal(&peer, &same, MP_CONVERT_UNSPECIFIED) && port == same_port);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mp_datagram_slots *slots;
    mp_datagram_queue queue = {0};
    mp_datagram list[MP_DATAGRAM_SLOTS];
    if (!slots)
        REQUIRE(mp_datagram_slots_new(&slots) == 0);
    input = data;
    input_end = data + size;
    int first = byte() % MP_DATAGRAM_SLOTS, count = mp_system_receive_datagrams(-1, slots, first);
    REQUIRE(count <= MP_DATAGRAM_SLOTS - first && (count > 0 || count == -EAGAIN || count == -ECONNREFUSED));
    for (int i = 0; i < count; i++) {
        mp_datagram_slot(slots, first + i, &list[i]);
        check_head(list[i].head, &expected[first + i]);
        REQUIRE(mp_datagram_queue_append(&queue, list[i].head, list[i].data) == 0);
    }
    for (int i = 0; i < count; i++) {
        mp_datagram next;
        REQUIRE(queue.count == (uint32_t)(count - i) && mp_datagram_queue_look(&queue, &next, 1) == 1);
        check_head(next.head, &expected[first + i]);
        REQUIRE(memcmp(next.data, list[i].data, next.head->size) == 0);
        mp_datagram_queue_drop(&queue);
    }
    REQUIRE(queue.payload == 0);
    sent = list;
    if (count > 0)
        REQUIRE(mp_system_send_datagrams(-1, list, count) == count);
    mp_datagram_queue_clear(&queue);
    return 0;
}
