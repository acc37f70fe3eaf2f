/*
 * The descriptors of UDP sockets; see udp_bind.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_bind.h"

#include <errno.h>
#include <netinet/in.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/tcp_socket.h"
#include "system/system.h"

static void give(mp_udp_socket *socket, int fd, bool v6, bool v6_only) {
    mp_descriptor_own(mp_udp_network(socket), fd);
    mp_udp_set_descriptor(socket, fd, v6, v6_only);
}

enum mp_fault mp_udp_open_bound(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    bool v6 = address->protocol == MP_PROTOCOL_IPV6 || address->protocol == MP_PROTOCOL_ANY;
    bool any = address->protocol == MP_PROTOCOL_ANY;
    mp_address v4_any;
    if (!mp_reserve_is_whole())
        return MP_FAULT_RESOURCE;
    int fd = mp_system_datagram_socket(v6 ? AF_INET6 : AF_INET);
    if (fd == -EAFNOSUPPORT && any) {
        mp_address_set_null(&v4_any);
        address = &v4_any;
        v6 = false;
        fd = mp_system_datagram_socket(AF_INET);
    }
    if (fd < 0)
        return mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
    if (mode & (MP_BIND_SHARE | MP_BIND_REUSE_HINT))
        (void)mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (v6)
        (void)mp_system_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !any);
    mp_system_describe_datagrams(fd, v6 ? AF_INET6 : AF_INET);
    int result = mp_system_bind(fd, address, port);
    if (result < 0) {
        mp_system_close(fd);
        return mp_fault_from_errno(MP_ATTEMPT_BIND, -result);
    }
    give(socket, fd, v6, v6 && !any);
    return MP_FAULT_NONE;
}

int mp_udp_open_unbound(mp_udp_socket *socket, bool v6) {
    if (!mp_reserve_is_whole())
        return -ENOMEM;
    int fd = mp_system_datagram_socket(v6 ? AF_INET6 : AF_INET);
    if (fd < 0)
        return fd;
    mp_system_describe_datagrams(fd, v6 ? AF_INET6 : AF_INET);
    give(socket, fd, v6, false);
    return 0;
}
