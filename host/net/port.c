/*
 * Shared ports; see port.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "system/system.h"

int mp_port_socket(mp_address *address) {
    bool v4 = address->protocol == MP_PROTOCOL_IPV4 || address->protocol == MP_PROTOCOL_UNKNOWN;
    int fd = mp_system_socket(v4 ? AF_INET : AF_INET6);
    if (fd == -EAFNOSUPPORT && address->protocol == MP_PROTOCOL_ANY) {
        mp_address_set_null(address);
        v4 = true;
        fd = mp_system_socket(AF_INET);
    }
    if (fd < 0)
        return fd;
    int result = mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && !v4)
        result = mp_system_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->protocol != MP_PROTOCOL_ANY);
    if (result == 0)
        return fd;
    mp_system_close(fd);
    return result;
}

/* A bound socket without SO_REUSEADDR lets nobody else bind, listening or not. Without it the bind fails
   where connections of an earlier listener linger, so it is set only then, and for that moment. */
static int bind_alone(int fd, const mp_address *address, uint16_t port) {
    int result = mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    if (result == 0)
        result = mp_system_bind(fd, address, port);
    if (result != -EADDRINUSE)
        return result;
    result = mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0)
        result = mp_system_bind(fd, address, port);
    return result < 0 ? result : mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

static enum mp_fault fail(int fd, int result) {
    mp_system_close(fd);
    return mp_fault_from_errno(MP_ATTEMPT_BIND, -result);
}

enum mp_fault mp_port_reserve(const mp_address *address, uint16_t *port, bool beside, int *fd) {
    mp_address bound = *address;
    *fd = mp_port_socket(&bound);
    if (*fd < 0)
        return mp_fault_from_errno(MP_ATTEMPT_SOCKET, -*fd);
    int result = beside ? mp_system_set_option(*fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;
    if (result == 0)
        result = bind_alone(*fd, &bound, *port);
    if (result == 0)
        result = mp_system_set_option(*fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (result == 0)
        result = mp_system_local_address(*fd, &bound, port);
    return result < 0 ? fail(*fd, result) : MP_FAULT_NONE;
}

enum mp_fault mp_port_share(const mp_address *address, uint16_t port, int *fd) {
    mp_address bound = *address;
    *fd = mp_port_socket(&bound);
    if (*fd < 0)
        return mp_fault_from_errno(MP_ATTEMPT_SOCKET, -*fd);
    int result = mp_system_set_option(*fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (result == 0)
        result = mp_system_bind(*fd, &bound, port);
    return result < 0 ? fail(*fd, result) : MP_FAULT_NONE;
}
