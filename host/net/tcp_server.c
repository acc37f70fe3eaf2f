/*
 * TCP servers; see tcp_server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/former.h"
#include "net/lent.h"
#include "net/port.h"
#include "net/stream.h"
#include "net/tcp_socket.h"
#include "system/adoption.h"
#include "system/system.h"

#define QT_MAX_PENDING 30

/* The prototype handlers of its connections belong to the server: it stays until the last connection is
   released. */
bool mp_tcp_server_is_active(const mp_object *object) {
    const mp_tcp_server *server = (const mp_tcp_server *)object;
    return mp_tcp_server_is_listening(server) || server->listener->references > 1;
}

void mp_tcp_server_close_object(mp_object *object) {
    mp_tcp_server_close((mp_tcp_server *)object);
}

void mp_tcp_server_wind_down(mp_object *object) {
    mp_listener *listener = ((mp_tcp_server *)object)->listener;
    mp_tcp_server_close((mp_tcp_server *)object);
    for (mp_ring *link = listener->open.next, *next; link != &listener->open; link = next) {
        next = link->next;
        mp_stream_disconnect(mp_stream_of_link(link));
    }
}

const mp_behaviour mp_tcp_server_behaviour = {MP_TCP_SERVER, mp_tcp_server_is_active, NULL,
                                              mp_tcp_server_close_object, mp_tcp_server_wind_down};

int mp_tcp_server_init(mp_tcp_server *server, mp_network *network) {
    return mp_tcp_server_init_as(server, network, &mp_tcp_server_behaviour);
}

int mp_tcp_server_init_as(mp_tcp_server *server, mp_network *network, const mp_behaviour *behaviour) {
    memset(server, 0, sizeof *server);
    if (mp_tcp_server_init_accepting(server, network) < 0)
        return -ENOMEM;
    mp_object_init(&server->object, &network->loop, behaviour);
    mp_ring_append(&network->servers, &server->link);
    server->max_pending = QT_MAX_PENDING;
    server->access.group = (gid_t)-1;
    server->backlog = SOMAXCONN;
    return 0;
}

static void close_listener(mp_tcp_server *server) {
    mp_listener *listener = server->listener;
    mp_stream *stream;
    int fd = listener->watcher.fd;
    server->bound = false;
    mp_listener_end_former(listener);
    mp_tcp_server_end_shortage(server);
    ev_io_stop(listener->network->loop.ev, &listener->watcher);
    mp_local_place_free(listener->local);
    listener->local = NULL;
    server->requested.local = NULL;
    if (fd >= 0) {
        ev_io_set(&listener->watcher, -1, 0);
        mp_listener_close_descriptor(listener->network, fd, listener->shared);
    }
    listener->shared = false;
    mp_listener_end_lent(listener);
    if (listener->kept >= 0)
        mp_descriptor_close(listener->network, listener->kept);
    listener->kept = -1;
    while ((stream = mp_listener_take(listener)))
        mp_stream_vanish(stream);
    while (!mp_ring_is_empty(&listener->entering))
        mp_stream_vanish(mp_stream_of_link(listener->entering.next));
}

void mp_tcp_server_destroy(mp_tcp_server *server) {
    mp_tcp_server_unclaim(server);
    if (server->claimed_by)
        mp_tcp_server_unclaim(server->claimed_by);
    close_listener(server);
    mp_ring_remove(&server->link);
    server->listener->server = NULL;
    mp_listener_unreference(server->listener);
    mp_object_destroy(&server->object);
}

void mp_tcp_server_close(mp_tcp_server *server) {
    mp_tcp_server *claimed_by = server->claimed_by;
    server->lost = false;
    mp_tcp_server_unclaim(server);
    if (claimed_by) {
        mp_tcp_server_unclaim(claimed_by);
        claimed_by->lost = true;
    }
    close_listener(server);
    mp_object_check(&server->object);
}

void mp_tcp_server_claim(mp_tcp_server *server, mp_tcp_server *old) {
    assert(!server->claims && !old->claimed_by && server != old);
    server->claims = old;
    server->lost = false;
    old->claimed_by = server;
}

void mp_tcp_server_unclaim(mp_tcp_server *server) {
    if (!server->claims)
        return;
    server->claims->claimed_by = NULL;
    server->claims = NULL;
    mp_object_check(&server->object);
}

/* --- listening ------------------------------------------------------------------------------------------ */

/* Asks once where it listens, while a failure can still be returned. Returns 0 or -errno. A Unix-domain
   listener has no such address. */
static int find_address(mp_listener *listener, int fd) {
    static const uint8_t zeros[16];
    mp_address *address = &listener->address;
    int v6_only = 1, result = mp_system_local_address(fd, address, &listener->port);
    if (result == -EAFNOSUPPORT)
        listener->port = 0;
    if (result == 0 && address->protocol == MP_PROTOCOL_IPV6 &&
        memcmp(address->bytes, zeros, sizeof zeros) == 0)
        result = mp_system_get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only);
    if (!v6_only)
        mp_address_set_any(address);
    return result == -EAFNOSUPPORT ? 0 : result;
}

/* Has our sockets share a port: this one and all that listen there. Only for the moment of the bind or the
   listen. */
static void share_port(mp_network *network, int fd, uint16_t port, bool share) {
    (void)mp_system_set_option(fd, SOL_SOCKET, SO_REUSEPORT, share);
    for (mp_tcp_server *it = mp_tcp_server_next(network, NULL); it; it = mp_tcp_server_next(network, it)) {
        const int others[] = {it->listener->watcher.fd, mp_listener_former(it->listener)};
        for (int i = 0; i < 2 && it->listener->port == port; i++)
            if (others[i] >= 0 && others[i] != fd)
                (void)mp_system_set_option(others[i], SOL_SOCKET, SO_REUSEPORT, share);
    }
}

/* Binds, and listens if `backlog` isn't negative. A socket that is only bound reserves its address. */
static int bind_and_listen(int fd, const mp_address *address, uint16_t port, int backlog,
                           enum mp_attempt *attempt) {
    *attempt = MP_ATTEMPT_BIND;
    int result = mp_system_bind(fd, address, port);
    if (result < 0)
        return result;
    if (backlog < 0)
        return mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    *attempt = MP_ATTEMPT_LISTEN;
    return mp_system_listen(fd, backlog);
}

/* With `beside`, our own listeners at the address don't count as taken. */
static enum mp_fault open_listener(mp_listener *listener, const mp_address *address, uint16_t port,
                                   int backlog, bool beside, int *out) {
    enum mp_attempt attempt = MP_ATTEMPT_SOCKET;
    if (!mp_reserve_is_whole())
        return MP_FAULT_RESOURCE;
    mp_address bound = *address;
    int fd = mp_port_socket(&bound), result = 0;
    if (fd < 0)
        return mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
    /* On Linux, accepted connections inherit it, which saves a call for each. */
    result = mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (beside)
        share_port(listener->network, fd, port, true);
    if (result == 0)
        result = bind_and_listen(fd, &bound, port, backlog, &attempt);
    if (beside)
        share_port(listener->network, fd, port, false);
    if (result == 0)
        result = find_address(listener, fd);
    if (result < 0) {
        mp_system_close(fd);
        return mp_fault_from_errno(attempt, -result);
    }
    *out = fd;
    return MP_FAULT_NONE;
}

/* The same with a socket of the network's source, which is bound. */
static enum mp_fault open_shared(mp_listener *listener, const mp_address *address, uint16_t port, int backlog,
                                 bool beside, int *out) {
    mp_network *network = listener->network;
    if (!mp_reserve_is_whole())
        return MP_FAULT_RESOURCE;
    enum mp_fault fault = network->source->bind(network, address, port, beside, out);
    if (fault != MP_FAULT_NONE)
        return fault;
    int result = find_address(listener, *out);
    if (result == 0)
        result = mp_system_set_option(*out, IPPROTO_TCP, TCP_NODELAY, 1);
    if (result == 0 && backlog >= 0)
        result = mp_system_listen(*out, backlog);
    listener->shared = result == 0;
    if (result == 0)
        return MP_FAULT_NONE;
    network->source->closed(network, *out);
    mp_system_close(*out);
    return mp_fault_from_errno(MP_ATTEMPT_LISTEN, -result);
}

static enum mp_fault listen_beside(mp_tcp_server *server, const mp_address *address, uint16_t port,
                                   bool beside) {
    int fd = -1;
    if (mp_tcp_server_is_listening(server))
        return MP_FAULT_ALREADY_LISTENING;
    int backlog = server->staged ? -1 : server->backlog;
    enum mp_fault fault = (server->listener->network->source ? open_shared : open_listener)(
        server->listener, address, port, backlog, beside, &fd);
    if (fault != MP_FAULT_NONE) {
        server->fault = (uint8_t)fault;
        mp_object_check(&server->object);
        return fault;
    }
    server->requested = (mp_endpoint){.address = *address, .port = port};
    server->adopted = false;
    server->bound = server->staged;
    mp_tcp_server_start_listening(server, fd);
    return MP_FAULT_NONE;
}

enum mp_fault mp_tcp_server_listen(mp_tcp_server *server, const mp_address *address, uint16_t port) {
    return listen_beside(server, address, port, false);
}

enum mp_fault mp_tcp_server_replace(mp_tcp_server *server, mp_tcp_server *old, const mp_address *address,
                                    uint16_t port) {
    assert(server->staged);
    if (!old->claimed_by && mp_listener_expect_former(server->listener) < 0)
        return MP_FAULT_RESOURCE;
    enum mp_fault fault = listen_beside(server, address, port, true);
    if (fault == MP_FAULT_NONE && !old->claimed_by)
        mp_tcp_server_claim(server, old);
    return fault;
}

enum mp_fault mp_tcp_server_open(mp_tcp_server *server) {
    int fd = server->listener->watcher.fd;
    if (!server->bound)
        return MP_FAULT_NONE;
    if (server->listener->local)
        return mp_tcp_server_open_local(server);
    if (server->listener->shared) {
        int listens = mp_system_listen(fd, server->backlog);
        server->bound = listens < 0;
        return listens < 0 ? mp_fault_from_errno(MP_ATTEMPT_LISTEN, -listens) : MP_FAULT_NONE;
    }
    share_port(server->listener->network, fd, server->listener->port, true);
    int result = mp_system_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0)
        result = mp_system_listen(fd, server->backlog);
    share_port(server->listener->network, fd, server->listener->port, false);
    server->bound = result < 0;
    return result < 0 ? mp_fault_from_errno(MP_ATTEMPT_LISTEN, -result) : MP_FAULT_NONE;
}

enum mp_fault mp_tcp_server_set_descriptor(mp_tcp_server *server, int fd) {
    bool listening = false;
    if (mp_tcp_server_is_listening(server))
        return MP_FAULT_ALREADY_LISTENING;
    if (fd < 0 || mp_descriptor_is_owned(mp_network_of(server->object.loop), fd) ||
        !mp_system_is_stream_socket(fd, &listening) || !listening || mp_system_adopt(fd) < 0) {
        if (fd != -1)
            server->fault = MP_FAULT_INVALID_DESCRIPTOR;
        mp_object_check(&server->object);
        return MP_FAULT_INVALID_DESCRIPTOR;
    }
    if (!mp_reserve_is_whole() || find_address(server->listener, fd) < 0 ||
        mp_tcp_server_note_local_name(server, fd) != MP_FAULT_NONE) {
        server->fault = MP_FAULT_RESOURCE;
        mp_object_check(&server->object);
        return MP_FAULT_RESOURCE;
    }
    /* A Unix-domain listener has no such option. */
    (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    server->adopted = true;
    server->bound = false;
    mp_tcp_server_start_listening(server, fd);
    return MP_FAULT_NONE;
}

/* --- state ---------------------------------------------------------------------------------------------- */

int mp_tcp_server_descriptor(const mp_tcp_server *server) {
    return mp_tcp_server_listener(server)->watcher.fd;
}

void mp_tcp_server_address(const mp_tcp_server *server, mp_address *address, uint16_t *port) {
    const mp_listener *listener = mp_tcp_server_listener(server);
    bool listening = listener->watcher.fd >= 0;
    mp_address_set_null(address);
    if (listening)
        *address = listener->address;
    *port = listening ? listener->port : 0;
}

/* --- connections ---------------------------------------------------------------------------------------- */

mp_stream *mp_tcp_server_next_pending(mp_tcp_server *server) {
    mp_stream *stream = mp_listener_take(server->listener);
    if (!stream)
        return NULL;
    /* It may have ended, or its peer may have finished sending, before it was taken. */
    if (stream->state == MP_STATE_CLOSING)
        mp_stream_handler_ended(stream);
    else if (stream->state == MP_STATE_UNCONNECTED)
        mp_object_check(&stream->object);
    mp_tcp_server_update(server);
    return stream;
}

bool mp_tcp_server_has_pending(const mp_tcp_server *server) {
    return server->listener->pending_count > 0;
}

mp_tcp_server *mp_tcp_server_next(mp_network *network, const mp_tcp_server *previous) {
    mp_ring *link = previous ? previous->link.next : network->servers.next;
    return link == &network->servers ? NULL : MP_CONTAINER(link, mp_tcp_server, link);
}

bool mp_tcp_server_has_other_peer(const mp_network *network, const mp_address *address, unsigned most) {
    for (mp_ring *at = network->servers.next; at != &network->servers; at = at->next) {
        mp_listener *listener = MP_CONTAINER(at, mp_tcp_server, link)->listener;
        unsigned looked = 0;
        for (mp_ring *link = listener->open.next; link != &listener->open && looked < most;
             link = link->next) {
            const mp_tcp_socket *socket = (const mp_tcp_socket *)mp_stream_of_link(link);
            if (!mp_address_equal(&socket->peer, address))
                return true;
            looked++;
        }
    }
    return false;
}
