/*
 * Multicast of UDP sockets; see udp_group.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_group.h"

#include <errno.h>
#include <stdlib.h>

/* True if it will get another one's descriptor. */
static bool waits(const mp_udp_socket *socket) {
    return socket->watcher.fd < 0 && (socket->claims || socket->deferred);
}

static enum mp_fault fault_of(int result) {
    switch (result) {
    case 0: return MP_FAULT_NONE;
    case -EADDRINUSE: return MP_FAULT_ADDRESS_IN_USE;
    case -ENOBUFS:
    case -ENOMEM: return MP_FAULT_RESOURCE;
    default: return MP_FAULT_ADDRESS_NOT_AVAILABLE;
    }
}

static mp_udp_group *find(const mp_udp_socket *socket, const mp_address *group, uint32_t interface) {
    for (size_t i = 0; i < socket->group_count; i++)
        if (mp_address_equal(&socket->groups[i].address, group) && socket->groups[i].interface == interface)
            return &socket->groups[i];
    return NULL;
}

/* A group's addresses can only be those of the socket's own family, or of IPv4 if it takes both. */
static bool fits(const mp_udp_socket *socket, const mp_address *group) {
    if (!mp_address_is_multicast(group) || (group->protocol == MP_PROTOCOL_IPV6 && !socket->v6))
        return false;
    return group->protocol == MP_PROTOCOL_IPV6 || !socket->v6_only;
}

static uint32_t interface_of(const mp_address *group, uint32_t interface) {
    return interface ? interface : group->scope_id;
}

enum mp_fault mp_udp_join(mp_udp_socket *socket, const mp_address *group, uint32_t interface) {
    interface = interface_of(group, interface);
    if (!waits(socket) && (socket->watcher.fd < 0 || !mp_udp_is_open(socket)))
        return MP_FAULT_NOT_CONNECTED;
    if (socket->claims ? !fits(socket->claims, group) : !socket->deferred && !fits(socket, group))
        return MP_FAULT_ADDRESS_NOT_AVAILABLE;
    if (find(socket, group, interface))
        return MP_FAULT_ADDRESS_IN_USE;
    mp_udp_group *groups = realloc(socket->groups, (socket->group_count + 1) * sizeof *groups);
    if (!groups)
        return MP_FAULT_RESOURCE;
    socket->groups = groups;
    int result = waits(socket) ? 0 : mp_system_multicast_group(socket->watcher.fd, group, interface, true);
    if (result == 0)
        groups[socket->group_count++] = (mp_udp_group){.address = *group, .interface = interface};
    return fault_of(result);
}

enum mp_fault mp_udp_leave(mp_udp_socket *socket, const mp_address *group, uint32_t interface) {
    interface = interface_of(group, interface);
    mp_udp_group *found = find(socket, group, interface);
    if (!waits(socket) && (socket->watcher.fd < 0 || !mp_udp_is_open(socket)))
        return MP_FAULT_NOT_CONNECTED;
    if (!found)
        return MP_FAULT_ADDRESS_NOT_AVAILABLE;
    int result = waits(socket) ? 0 : mp_system_multicast_group(socket->watcher.fd, group, interface, false);
    *found = socket->groups[--socket->group_count];
    return fault_of(result);
}

enum mp_fault mp_udp_set_multicast_interface(mp_udp_socket *socket, uint32_t interface) {
    int result = 0;
    if (!waits(socket)) {
        if (socket->watcher.fd < 0 || !mp_udp_is_open(socket))
            return MP_FAULT_NOT_CONNECTED;
        result = mp_system_set_multicast_interface(socket->watcher.fd, socket->v6 ? AF_INET6 : AF_INET,
                                                   interface);
    }
    if (result == 0)
        socket->multicast_interface = interface;
    return fault_of(result);
}

int mp_udp_set_option(mp_udp_socket *socket, int option, int value) {
    if (!waits(socket))
        return mp_socket_option_set(socket->watcher.fd, option, value);
    if (!socket->options && !(socket->options = calloc(1, sizeof *socket->options)))
        return -ENOMEM;
    mp_socket_options_keep(socket->options, option, value);
    return 0;
}

int mp_udp_option(const mp_udp_socket *socket, int option, int *value) {
    if (socket->options && mp_socket_options_get(socket->options, option, value) == 0)
        return 0;
    const mp_udp_socket *with = socket->claims ? socket->claims : socket;
    return mp_socket_option_get(with->watcher.fd, option, value);
}

static void tell(const mp_udp_socket *socket, const char *what, const mp_udp_group *group, int result) {
    char text[MP_ADDRESS_TEXT];
    if (result == 0)
        return;
    mp_address_format(&group->address, text);
    mp_log(socket->object.loop->log_level, MP_LOG_WARNING, "reload: a socket can't %s the group %s: %s", what,
           text, mp_fault_text(fault_of(result)));
}

void mp_udp_take_groups(mp_udp_socket *socket, mp_udp_socket *old) {
    int fd = socket->watcher.fd;
    for (size_t i = 0; old && i < old->group_count; i++) {
        const mp_udp_group *group = &old->groups[i];
        if (!find(socket, &group->address, group->interface))
            tell(socket, "leave", group,
                 mp_system_multicast_group(fd, &group->address, group->interface, false));
    }
    for (size_t i = 0; i < socket->group_count; i++) {
        const mp_udp_group *group = &socket->groups[i];
        if (!old || !find(old, &group->address, group->interface))
            tell(socket, "join", group,
                 mp_system_multicast_group(fd, &group->address, group->interface, true));
    }
    if (socket->multicast_interface != (old ? old->multicast_interface : 0))
        (void)mp_system_set_multicast_interface(fd, socket->v6 ? AF_INET6 : AF_INET,
                                                socket->multicast_interface);
    if (socket->options)
        mp_socket_options_apply(socket->options, fd, socket->object.loop->log_level);
    free(socket->options);
    socket->options = NULL;
}

void mp_udp_forget_groups(mp_udp_socket *socket) {
    free(socket->groups);
    free(socket->options);
    socket->groups = NULL;
    socket->options = NULL;
    socket->group_count = 0;
    socket->multicast_interface = 0;
}
