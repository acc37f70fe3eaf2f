/*
 * Handing over UDP descriptors; see udp_handover.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/udp_handover.h"

#include "net/tcp_socket.h"
#include "net/udp_bind.h"
#include "net/udp_group.h"
#include "net/udp_output.h"
#include "system/system.h"

void mp_udp_note_request(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    socket->requested = true;
    socket->requested_address = *address;
    socket->requested_port = port;
    socket->requested_mode = (uint8_t)mode;
}

bool mp_udp_can_be_claimed(const mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    return socket->requested && socket->state == MP_STATE_BOUND && socket->watcher.fd >= 0 &&
           !socket->claimed_by && socket->requested_port == port && socket->requested_mode == mode &&
           mp_address_equal(&socket->requested_address, address) &&
           socket->requested_address.scope_id == address->scope_id;
}

static void count_as_bound(mp_udp_socket *socket) {
    if (!socket->link.next)
        mp_ring_append(&mp_udp_shared_of(socket)->sockets, &socket->link);
    socket->staged = true;
    mp_udp_set_state(socket, MP_STATE_BOUND);
}

void mp_udp_claim(mp_udp_socket *socket, mp_udp_socket *old) {
    assert(!socket->claims && !old->claimed_by && socket != old && socket->watcher.fd < 0);
    socket->claims = old;
    old->claimed_by = socket;
    mp_udp_note_request(socket, &old->requested_address, old->requested_port, old->requested_mode);
    socket->local = old->local;
    socket->local_port = old->local_port;
    count_as_bound(socket);
}

void mp_udp_defer(mp_udp_socket *socket, const mp_address *address, uint16_t port, int mode) {
    socket->deferred = true;
    mp_udp_note_request(socket, address, port, mode);
    socket->local = *address;
    socket->local_port = port;
    count_as_bound(socket);
}

/* Has the others at this port share it, or as they were before. */
static void share_port(const mp_udp_socket *socket, bool share) {
    struct mp_udp_shared *shared = mp_udp_shared_of(socket);
    for (mp_ring *link = shared->sockets.next; link != &shared->sockets; link = link->next) {
        const mp_udp_socket *it = MP_CONTAINER(link, mp_udp_socket, link);
        bool shares = it->requested_mode & (MP_BIND_SHARE | MP_BIND_REUSE_HINT);
        if (it->watcher.fd >= 0 && it->local_port == socket->requested_port)
            (void)mp_system_set_option(it->watcher.fd, SOL_SOCKET, SO_REUSEADDR, share || shares);
    }
}

enum mp_fault mp_udp_open(mp_udp_socket *socket) {
    if (!socket->deferred)
        return MP_FAULT_NONE;
    share_port(socket, true);
    enum mp_fault fault = mp_udp_open_bound(socket, &socket->requested_address, socket->requested_port,
                                            socket->requested_mode | MP_BIND_REUSE_HINT);
    share_port(socket, false);
    if (fault != MP_FAULT_NONE)
        return fault;
    socket->deferred = false;
    mp_udp_take_groups(socket, NULL);
    return MP_FAULT_NONE;
}

void mp_udp_unclaim(mp_udp_socket *socket) {
    if (!socket->claims)
        return;
    socket->claims->claimed_by = NULL;
    socket->claims = NULL;
    if (socket->watcher.fd < 0 && socket->link.next)
        mp_ring_remove(&socket->link);
}

void mp_udp_lose(mp_udp_socket *socket) {
    mp_udp_socket *claimed_by = socket->claimed_by;
    if (!claimed_by)
        return;
    mp_udp_unclaim(claimed_by);
    claimed_by->lost = true;
    claimed_by->requested = claimed_by->staged = false;
    mp_ring_append(&mp_udp_shared_of(claimed_by)->sockets, &claimed_by->link); /* its run is asked about it */
    mp_udp_set_state(claimed_by, MP_STATE_UNCONNECTED);
}

void mp_udp_take_over(mp_udp_socket *socket) {
    mp_udp_socket *old = socket->claims;
    assert(old && old->claimed_by == socket && old->watcher.fd >= 0);
    bool v6 = old->v6, v6_only = old->v6_only;
    (void)mp_udp_flush(old);
    mp_udp_unclaim(socket);
    int fd = mp_udp_take_descriptor(old);
    mp_udp_set_descriptor(socket, fd, v6, v6_only);
    socket->in = old->in;
    socket->out = old->out;
    old->in = old->out = (mp_datagram_queue){0};
    mp_udp_take_groups(socket, old);
    mp_udp_forget_groups(old);
    old->state = MP_STATE_UNCONNECTED;
    old->requested = false;
    old->heir = socket;
    mp_ring_append(&socket->forebears, &old->of_heir);
    socket->staged = false;
    socket->full = socket->out.count > 0;
    mp_object_check(&old->object);
}

mp_udp_socket *mp_udp_writer(mp_udp_socket *socket) {
    mp_udp_socket *writer = socket->claims ? socket->claims : socket;
    while (writer->heir && writer->watcher.fd < 0)
        writer = writer->heir;
    return writer;
}

void mp_udp_end_succession(mp_udp_socket *socket) {
    mp_udp_socket *heir = socket->heir;
    while (!mp_ring_is_empty(&socket->forebears)) {
        mp_udp_socket *forebear = MP_CONTAINER(socket->forebears.next, mp_udp_socket, of_heir);
        mp_ring_remove(&forebear->of_heir);
        forebear->heir = heir;
        if (heir)
            mp_ring_append(&heir->forebears, &forebear->of_heir);
    }
    if (heir)
        mp_ring_remove(&socket->of_heir);
    socket->heir = NULL;
}
