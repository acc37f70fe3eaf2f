/*
 * Limits by address: how many connections, and how many handshakes, one address may have at a server. See
 * tcp_server.h. The listener counts, so that a reload hands the counts over with the connections.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "data/address_counts.h"
#include "net/overload.h"
#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "system/system.h"

static const mp_address *peer_of(const mp_stream *stream) {
    return &((const mp_tcp_socket *)stream)->peer;
}

static bool has_limits(const mp_tcp_server *server) {
    return server->max_per_address > 0 || server->max_shaking_per_address > 0;
}

bool mp_tcp_server_count(mp_tcp_server *server, const mp_address *peer, int fd) {
    mp_listener *listener = server->listener;
    mp_network *network = listener->network;
    mp_address_count count = mp_address_counts_of(listener->addresses, peer);
    bool many = server->max_per_address > 0 && count.connections >= server->max_per_address;
    bool shakes = server->max_shaking_per_address > 0 && count.handshakes >= server->max_shaking_per_address;
    if (many || shakes) {
        mp_overload_refuse(network, fd, many ? MP_REFUSED_CONNECTIONS : MP_REFUSED_HANDSHAKES, peer,
                           listener->port);
        return false;
    }
    if (mp_address_counts_add(listener->addresses, peer) == 0)
        return true;
    mp_overload_refuse(network, fd, MP_REFUSED_BUFFERS, peer, listener->port); /* there is no memory */
    return false;
}

void mp_tcp_server_uncount(mp_listener *listener, const mp_address *peer) {
    if (listener->addresses)
        mp_address_counts_remove(listener->addresses, peer);
}

void mp_tcp_server_shakes(const mp_stream *stream, bool begins) {
    if (stream->listener->addresses)
        mp_address_counts_shake(stream->listener->addresses, peer_of(stream), begins ? 1 : -1);
}

/* Counts those that are there already. Returns 0 or -ENOMEM. */
static int count_ring(mp_address_counts *counts, const mp_ring *ring, bool entering) {
    for (mp_ring *link = ring->next; link != ring; link = link->next) {
        const mp_address *peer = peer_of(mp_stream_of_link(link));
        if (mp_address_counts_add(counts, peer) < 0)
            return -ENOMEM;
        if (entering)
            mp_address_counts_shake(counts, peer, 1);
    }
    return 0;
}

static int count_all(mp_address_counts *counts, const mp_listener *listener) {
    int result = count_ring(counts, &listener->pending, false);
    if (result == 0)
        result = count_ring(counts, &listener->open, false);
    return result == 0 ? count_ring(counts, &listener->entering, true) : result;
}

int mp_tcp_server_limit_addresses(mp_tcp_server *server, uint32_t connections, uint32_t handshakes) {
    mp_listener *listener = server->listener;
    if ((connections > 0 || handshakes > 0) && !listener->addresses) {
        uint64_t seed[2];
        mp_system_random(seed, sizeof seed);
        mp_address_counts *counts = mp_address_counts_new(seed);
        if (!counts || count_all(counts, listener) < 0) {
            mp_address_counts_free(counts);
            return -ENOMEM;
        }
        listener->addresses = counts;
    } else if (connections == 0 && handshakes == 0) {
        mp_address_counts_free(listener->addresses);
        listener->addresses = NULL;
    }
    server->max_per_address = connections;
    server->max_shaking_per_address = handshakes;
    return 0;
}

void mp_tcp_server_keep_counts(mp_tcp_server *server, mp_listener *from) {
    mp_listener *listener = server->listener;
    if (!has_limits(server)) {
        mp_address_counts_free(listener->addresses);
        listener->addresses = NULL;
    } else if (!listener->addresses) {
        /* Without memory, connections of the run before aren't counted: this step can't fail. */
        listener->addresses = from->addresses;
        from->addresses = NULL;
        (void)count_all(listener->addresses, listener);
    }
}
