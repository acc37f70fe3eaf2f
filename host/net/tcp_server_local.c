/*
 * Servers that listen at the name of a Unix-domain socket; see tcp_server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/tcp_server.h"
#include "system/local.h"
#include "system/system.h"

const mp_local_name *mp_tcp_server_local_name(const mp_tcp_server *server) {
    const mp_local_place *place = mp_tcp_server_listener(server)->local;
    return place ? &place->name : NULL;
}

/* Binds, and listens. */
static enum mp_fault open_place(mp_tcp_server *server, mp_local_place *place, int fd) {
    enum mp_fault fault = mp_local_place_bind(place, fd, &server->access);
    if (fault != MP_FAULT_NONE)
        return fault;
    int result = mp_system_listen(fd, server->backlog);
    return result < 0 ? mp_fault_from_errno(MP_ATTEMPT_LISTEN, -result) : MP_FAULT_NONE;
}

/* The same with a socket of the network's source, which listens. */
static enum mp_fault open_shared(mp_tcp_server *server, const mp_local_name *name, int *fd) {
    mp_network *network = server->listener->network;
    return network->source->listen_local(network, name, &server->access, server->backlog, fd);
}

/* The socket that a staged server has had in place of the shared one is exchanged for that. */
static enum mp_fault exchange(mp_tcp_server *server) {
    mp_listener *listener = server->listener;
    int fd = -1;
    enum mp_fault fault = open_shared(server, &listener->local->name, &fd);
    server->bound = fault != MP_FAULT_NONE;
    if (fault != MP_FAULT_NONE)
        return fault;
    mp_descriptor_close(listener->network, listener->watcher.fd);
    ev_io_set(&listener->watcher, fd, EV_READ);
    mp_descriptor_own(listener->network, fd);
    listener->shared = true;
    return MP_FAULT_NONE;
}

enum mp_fault mp_tcp_server_open_local(mp_tcp_server *server) {
    if (server->listener->network->source)
        return exchange(server);
    enum mp_fault fault = open_place(server, server->listener->local, server->listener->watcher.fd);
    server->bound = fault != MP_FAULT_NONE;
    return fault;
}

/* Makes the socket; a staged server only looks whether it could listen. */
static enum mp_fault open_local(mp_tcp_server *server, const mp_local_name *name) {
    mp_local_place *place = mp_reserve_is_whole() ? mp_local_place_new(name) : NULL;
    if (!place)
        return MP_FAULT_RESOURCE;
    bool shared = server->listener->network->source != NULL;
    int fd = shared && !server->staged ? -1 : mp_system_socket(AF_UNIX);
    enum mp_fault fault = shared           ? open_shared(server, name, server->staged ? NULL : &fd)
                          : fd < 0         ? mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd)
                          : server->staged ? mp_local_name_probe(name)
                                           : open_place(server, place, fd);
    if (fault != MP_FAULT_NONE) {
        mp_local_place_free(place);
        if (fd >= 0)
            mp_system_close(fd);
        return fault;
    }
    server->listener->local = place;
    server->listener->shared = shared && !server->staged;
    mp_address_set_null(&server->listener->address);
    server->listener->port = 0;
    server->requested = (mp_endpoint){.local = &place->name};
    mp_address_set_null(&server->requested.address);
    mp_tcp_server_start_listening(server, fd);
    return MP_FAULT_NONE;
}

enum mp_fault mp_tcp_server_listen_local(mp_tcp_server *server, const mp_local_name *name) {
    if (mp_tcp_server_is_listening(server))
        return MP_FAULT_ALREADY_LISTENING;
    server->adopted = false;
    server->bound = server->staged;
    enum mp_fault fault = open_local(server, name);
    if (fault == MP_FAULT_NONE)
        return fault;
    server->bound = false;
    server->fault = (uint8_t)fault;
    mp_object_check(&server->object);
    return fault;
}

enum mp_fault mp_tcp_server_note_local_name(mp_tcp_server *server, int fd) {
    mp_local_name name;
    if (mp_system_local_name(fd, &name) < 0)
        return MP_FAULT_NONE;
    server->listener->local = mp_local_place_new(&name);
    return server->listener->local ? MP_FAULT_NONE : MP_FAULT_RESOURCE;
}

static bool is_same_access(const mp_local_access *a, const mp_local_access *b) {
    return a->set == b->set && a->mode == b->mode && a->group == b->group;
}

void mp_tcp_server_renew_access(mp_tcp_server *server, const mp_tcp_server *old) {
    mp_local_place *place = server->listener->local;
    if (!place || is_same_access(&server->access, &old->access))
        return;
    enum mp_fault fault = mp_local_place_set_access(place, &server->access);
    if (fault != MP_FAULT_NONE)
        mp_log(server->object.loop->log_level, MP_LOG_WARNING, "unix:%s keeps its former permissions: %s",
               place->name.bytes, mp_fault_text(fault));
}
