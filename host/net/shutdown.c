/*
 * Stopping; see shutdown.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/shutdown.h"

#include "net/connector.h"
#include "net/linger.h"
#include "net/listener.h"
#include "net/tcp_server.h"
#include "net/udp_socket.h"

void mp_network_close_listeners(mp_network *network) {
    for (mp_tcp_server *server = mp_tcp_server_next(network, NULL); server;
         server = mp_tcp_server_next(network, server))
        server->object.behaviour->close(&server->object);
}

void mp_network_wind_down(mp_network *network) {
    network->winding_down = true;
    for (mp_tcp_server *server = mp_tcp_server_next(network, NULL); server;
         server = mp_tcp_server_next(network, server))
        server->object.behaviour->wind_down(&server->object);
    for (mp_ring *link = network->outgoing.next, *next; link != &network->outgoing; link = next) {
        mp_object *object = &mp_stream_of_link(link)->object;
        next = link->next;
        object->behaviour->wind_down(object);
    }
    for (mp_udp_socket *socket = mp_udp_socket_next(network, NULL), *next; socket; socket = next) {
        next = mp_udp_socket_next(network, socket);
        socket->object.behaviour->wind_down(&socket->object);
    }
}

/* Those that are connecting and have something to send. */
static uint64_t connecting(const mp_network *network) {
    uint64_t count = 0;
    for (mp_ring *link = network->connecting.next; link != &network->connecting; link = link->next)
        count += mp_connector_stream(link)->out.bytes > 0;
    return count;
}

bool mp_network_is_drained(const mp_network *network) {
    return network->traffic.connections == 0 && network->processes == 0 && connecting(network) == 0 &&
           !network->lingering && mp_loop_is_settled(&network->loop) && !network->dirty_head &&
           !mp_udp_has_unsent(network);
}

uint64_t mp_network_undrained(const mp_network *network) {
    return network->traffic.connections + connecting(network) + mp_linger_unsent(network);
}
