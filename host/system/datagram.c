/*
 * System calls on datagram sockets; see datagram.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/datagram.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#ifdef __linux__
#include <linux/sock_diag.h>
#endif

#include "system/retry.h"
#include "system/system.h"

/* A datagram's place. Were they 64 KiB apart, the beginnings of all would share one line of the processor's
   cache. */
#define SLOT_SIZE (65536 + 192)

#define CONTROL_SIZE 128

typedef union control {
    struct cmsghdr first; /* for its alignment */
    char bytes[CONTROL_SIZE];
} control;

struct mp_datagram_slots {
    struct mmsghdr messages[MP_DATAGRAM_SLOTS];
    struct iovec vectors[MP_DATAGRAM_SLOTS];
    control controls[MP_DATAGRAM_SLOTS];
    mp_datagram_head heads[MP_DATAGRAM_SLOTS];
    char *memory;
};

int mp_datagram_slots_new(mp_datagram_slots **out) {
    mp_datagram_slots *slots = *out = calloc(1, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    slots->memory = malloc((size_t)MP_DATAGRAM_SLOTS * SLOT_SIZE);
    if (!slots->memory) {
        free(slots);
        *out = NULL;
        return -ENOMEM;
    }
    for (int i = 0; i < MP_DATAGRAM_SLOTS; i++) {
        slots->vectors[i] = (struct iovec){.iov_base = slots->memory + (size_t)i * SLOT_SIZE,
                                           .iov_len = SLOT_SIZE};
        slots->messages[i].msg_hdr = (struct msghdr){.msg_name = &slots->heads[i].peer,
                                                     .msg_iov = &slots->vectors[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = &slots->controls[i]};
    }
    return 0;
}

void mp_datagram_slots_free(mp_datagram_slots *slots) {
    if (!slots)
        return;
    free(slots->memory);
    free(slots);
}

int mp_system_datagram_socket(int family) {
    return RETRY(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

bool mp_system_is_datagram_socket(int fd, int *family) {
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof name;
    int type = 0;
    if (mp_system_get_option(fd, SOL_SOCKET, SO_TYPE, &type) < 0 || type != SOCK_DGRAM ||
        getsockname(fd, (struct sockaddr *)&name, &length) < 0)
        return false;
    *family = name.ss_family;
    return *family == AF_INET || *family == AF_INET6;
}

void mp_system_describe_datagrams(int fd, int family) {
    (void)mp_system_set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    /* A socket of IPv6 gets these for its datagrams of IPv4. */
    (void)mp_system_set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
    (void)mp_system_set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
    if (family == AF_INET) {
        (void)mp_system_set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
        return;
    }
    (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static void set_local_v6(mp_datagram_head *head, const struct in6_pktinfo *info) {
    mp_address_set_ipv6(&head->local, info->ipi6_addr.s6_addr);
    mp_address_unmap(&head->local);
    if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&info->ipi6_addr))
        head->local.scope_id = (uint32_t)info->ipi6_ifindex;
    head->interface = (uint32_t)info->ipi6_ifindex;
}

/* Copies what the message has. False: it is cut, as what an adopted socket is told besides, such as a peer's
   IP options, has left too little room. */
static bool copy(const struct cmsghdr *message, void *to, size_t size) {
    if (message->cmsg_len < CMSG_LEN(size))
        return false;
    memcpy(to, CMSG_DATA(message), size);
    return true;
}

/* The value of a message that is an int, or a single byte. */
static bool copy_number(const struct cmsghdr *message, int *value) {
    uint8_t byte;
    if (copy(message, value, sizeof *value))
        return true;
    if (!copy(message, &byte, sizeof byte))
        return false;
    *value = byte;
    return true;
}

static void read_control(mp_datagram_head *head, struct msghdr *header) {
    struct in_pktinfo info;
    struct in6_pktinfo info6;
    int number;
    for (struct cmsghdr *it = CMSG_FIRSTHDR(header); it; it = CMSG_NXTHDR(header, it)) {
        bool v4 = it->cmsg_level == IPPROTO_IP, v6 = it->cmsg_level == IPPROTO_IPV6;
        int type = it->cmsg_type;
        if (v4 && type == IP_PKTINFO && copy(it, &info, sizeof info)) {
            mp_address_set_ipv4(&head->local, ntohl(info.ipi_addr.s_addr));
            head->interface = (uint32_t)info.ipi_ifindex;
        } else if (v6 && type == IPV6_PKTINFO && copy(it, &info6, sizeof info6)) {
            set_local_v6(head, &info6);
        } else if (((v4 && type == IP_TTL) || (v6 && type == IPV6_HOPLIMIT)) && copy_number(it, &number)) {
            head->hop_limit = (int16_t)number;
        } else if (((v4 && type == IP_TOS) || (v6 && type == IPV6_TCLASS)) && copy_number(it, &number)) {
            head->service = (int16_t)(number & 0xff);
        }
    }
}

int mp_system_receive_datagrams(int fd, mp_datagram_slots *slots, int first) {
    struct timespec now;
    for (int i = first; i < MP_DATAGRAM_SLOTS; i++) {
        slots->messages[i].msg_hdr.msg_namelen = sizeof(mp_socket_address);
        slots->messages[i].msg_hdr.msg_controllen = CONTROL_SIZE;
    }
    int count = RETRY(
        recvmmsg(fd, slots->messages + first, (unsigned)(MP_DATAGRAM_SLOTS - first), MSG_DONTWAIT, NULL));
    if (count <= 0)
        return count == 0 ? -EAGAIN : count;
    clock_gettime(CLOCK_REALTIME, &now);
    double time = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
    for (int i = first; i < first + count; i++) {
        mp_datagram_head *head = &slots->heads[i];
        struct msghdr *header = &slots->messages[i].msg_hdr;
        if (header->msg_namelen == 0)
            head->peer.any.sa_family = AF_UNSPEC;
        head->size = head->whole = slots->messages[i].msg_len;
        head->interface = 0;
        head->hop_limit = head->service = -1;
        head->time = time;
        mp_address_set_null(&head->local);
        read_control(head, header);
    }
    return count;
}

void mp_datagram_slot(const mp_datagram_slots *slots, int slot, mp_datagram *out) {
    out->head = &slots->heads[slot];
    out->data = slots->memory + (size_t)slot * SLOT_SIZE;
}

/* --- sending -------------------------------------------------------------------------------------------- */

/* Appends a message of `size` bytes to a header's control data, which has room for it. */
static void add_control(struct msghdr *header, int level, int type, const void *data, size_t size) {
    struct cmsghdr *message = (struct cmsghdr *)(void *)((char *)header->msg_control +
                                                         header->msg_controllen);
    memset(message, 0, CMSG_SPACE(size));
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(message), data, size);
    header->msg_controllen += CMSG_SPACE(size);
}

/* True if the datagram leaves as IPv4. */
static bool is_v4(const mp_socket_address *peer) {
    return peer->any.sa_family != AF_INET6 || IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr);
}

static void write_control(const mp_datagram_head *head, struct msghdr *header) {
    bool v4 = is_v4(&head->peer);
    uint32_t ipv4;
    int value;
    if (head->interface != 0 || !mp_address_is_null(&head->local)) {
        if (v4) {
            struct in_pktinfo info = {.ipi_ifindex = (int)head->interface};
            if (mp_address_to_ipv4(&head->local, &ipv4) == 0)
                info.ipi_spec_dst.s_addr = htonl(ipv4);
            add_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        } else {
            struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)head->interface};
            mp_address_to_ipv6(&head->local, info.ipi6_addr.s6_addr);
            add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
        }
    }
    value = head->hop_limit;
    if (value >= 0)
        add_control(header, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_HOPLIMIT, &value,
                    sizeof value);
    value = head->service;
    if (value >= 0)
        add_control(header, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &value, sizeof value);
}

int mp_system_send_datagrams(int fd, const mp_datagram *datagrams, int count) {
    struct mmsghdr messages[MP_DATAGRAM_SLOTS];
    struct iovec vectors[MP_DATAGRAM_SLOTS];
    control controls[MP_DATAGRAM_SLOTS];
    if (count > MP_DATAGRAM_SLOTS)
        count = MP_DATAGRAM_SLOTS;
    for (int i = 0; i < count; i++) {
        const mp_datagram_head *head = datagrams[i].head;
        bool connected = head->peer.any.sa_family == AF_UNSPEC;
        vectors[i] = (struct iovec){.iov_base = (void *)(uintptr_t)datagrams[i].data, .iov_len = head->size};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = connected ? NULL : (void *)(uintptr_t)&head->peer,
            .msg_namelen = connected ? 0 : mp_socket_address_size(&head->peer),
            .msg_iov = &vectors[i],
            .msg_iovlen = 1,
            .msg_control = &controls[i],
        };
        write_control(head, &messages[i].msg_hdr);
        if (messages[i].msg_hdr.msg_controllen == 0)
            messages[i].msg_hdr.msg_control = NULL;
    }
    return RETRY(sendmmsg(fd, messages, (unsigned)count, MSG_NOSIGNAL));
}

int mp_system_connect_datagrams(int fd, const mp_socket_address *peer) {
    return RETRY(connect(fd, &peer->any, mp_socket_address_size(peer)));
}

int64_t mp_system_dropped_datagrams(int fd) {
#ifdef SO_MEMINFO
    uint32_t numbers[SK_MEMINFO_VARS];
    socklen_t size = sizeof numbers;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, numbers, &size) < 0)
        return -errno;
    return numbers[SK_MEMINFO_DROPS];
#else
    (void)fd;
    return -ENOTSUP;
#endif
}

/* --- multicast ------------------------------------------------------------------------------------------ */

int mp_system_multicast_group(int fd, const mp_address *group, uint32_t interface, bool join) {
    if (group->protocol == MP_PROTOCOL_IPV4) {
        struct ip_mreqn request = {.imr_ifindex = (int)interface};
        memcpy(&request.imr_multiaddr, group->bytes, sizeof request.imr_multiaddr);
        return RETRY(setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request,
                                sizeof request));
    }
    struct ipv6_mreq request = {.ipv6mr_interface = interface ? interface : group->scope_id};
    memcpy(&request.ipv6mr_multiaddr, group->bytes, sizeof request.ipv6mr_multiaddr);
    return RETRY(
        setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request));
}

int mp_system_set_multicast_interface(int fd, int family, uint32_t interface) {
    struct ip_mreqn request = {.imr_ifindex = (int)interface};
    int result = family == AF_INET6
                     ? mp_system_set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface)
                     : 0;
    if (result < 0)
        return result;
    result = RETRY(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request));
    return family == AF_INET6 ? 0 : result;
}

uint32_t mp_system_interface(const char *name) {
    return if_nametoindex(name);
}

void mp_system_interface_name(uint32_t index, char name[MP_INTERFACE_NAME]) {
    _Static_assert(MP_INTERFACE_NAME >= IF_NAMESIZE, "room for a name");
    if (!if_indextoname(index, name))
        name[0] = '\0';
}
