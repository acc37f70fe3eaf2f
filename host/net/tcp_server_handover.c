/*
 * Hands a listener with its connections from one server to another, in one step: the core of a reload.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/former.h"
#include "net/tcp_server.h"

bool mp_tcp_server_can_be_claimed(const mp_tcp_server *server, const mp_endpoint *endpoint) {
    return server->listener->watcher.fd >= 0 && !server->claimed_by && !server->adopted &&
           mp_endpoint_equal(&server->requested, endpoint);
}

bool mp_tcp_server_can_be_adopted(const mp_tcp_server *server, int fd) {
    return fd >= 0 && server->listener->watcher.fd == fd && !server->claimed_by;
}

void mp_tcp_server_take_over(mp_tcp_server *server) {
    mp_tcp_server *old = server->claims;
    assert(old && old->claimed_by == server);
    mp_listener *listener = old->listener;
    bool moves = server->listener->watcher.fd >= 0;
    mp_tcp_server_unclaim(server);
    mp_tcp_server_end_shortage(old);
    listener->limits = server->listener->limits;
    old->listener = server->listener;
    old->listener->server = old;
    server->listener = listener;
    listener->server = server;
    mp_tcp_server_keep_counts(server, old->listener);
    size_t pending = listener->pending_count; /* connections accepted from now on are signalled at once */
    if (moves) {
        mp_listener_exchange(listener, old->listener);
    } else {
        server->requested = old->requested;
        server->adopted = old->adopted;
        old->requested.local = NULL;
        mp_tcp_server_renew_access(server, old);
    }
    server->staged = false;
    mp_tcp_server_update(server);
    for (size_t i = 0; i < pending; i++)
        mp_object_emit(&server->object, MP_SIGNAL_NEW_CONNECTION, 0);
    mp_object_check(&old->object);
}
