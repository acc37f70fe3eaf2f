/*
 * UDP sockets over a reload; see udp.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "generation/udp.h"

#include "net/udp_handover.h"
#include "net/udp_input.h"
#include "run/wait.h"

static mp_udp_socket *next(const binding_generation *generation, const mp_udp_socket *socket) {
    return mp_udp_socket_next(mp_network_of(generation->state->loop), socket);
}

/* True if it belongs to the own run of an older script. */
static bool is_older(const binding_generation *generation, mp_udp_socket *socket) {
    return binding_box_is_older(binding_box_of(&socket->object), generation);
}

mp_udp_socket *binding_claim_udp(binding_generation *generation, const mp_address *address, uint16_t port,
                                 int mode) {
    mp_udp_socket *socket = next(generation, NULL);
    while (socket && !(is_older(generation, socket) && mp_udp_can_be_claimed(socket, address, port, mode)))
        socket = next(generation, socket);
    return socket;
}

bool binding_is_udp_in_way(binding_generation *generation, uint16_t port) {
    for (mp_udp_socket *socket = next(generation, NULL); socket; socket = next(generation, socket))
        if (is_older(generation, socket) && socket->requested && !socket->claimed_by &&
            socket->watcher.fd >= 0 && socket->local_port == port && port != 0)
            return true;
    return false;
}

bool binding_has_lost_udp(const binding_generation *generation) {
    for (mp_udp_socket *socket = next(generation, NULL); socket; socket = next(generation, socket))
        if (socket->lost && binding_box_of(&socket->object)->generation == generation)
            return true;
    return false;
}

bool binding_open_udp_sockets(binding_generation *generation, uint16_t *port, enum mp_fault *fault) {
    for (mp_udp_socket *socket = next(generation, NULL); socket; socket = next(generation, socket)) {
        if (binding_box_of(&socket->object)->generation != generation)
            continue;
        *port = socket->requested_port;
        *fault = mp_udp_open(socket);
        if (*fault != MP_FAULT_NONE)
            return false;
    }
    return true;
}

/* What has arrived meanwhile is delivered in the next turn. */
static void begin(mp_udp_socket *socket) {
    socket->staged = false;
    mp_udp_has_room(socket);
}

static void take_over(mp_udp_socket *socket) {
    mp_udp_socket *old = socket->claims;
    mp_udp_take_over(socket);
    binding_expire_waits(&old->object);
}

void binding_move_udp_sockets(binding_generation *generation, binding_commit *report) {
    for (mp_udp_socket *socket = next(generation, NULL), *after; socket; socket = after) {
        binding_box *box = binding_box_of(&socket->object);
        after = next(generation, socket);
        if (box->generation == generation && socket->claims) {
            if (after == socket->claims)
                after = next(generation, after);
            take_over(socket);
            begin(socket);
            report->kept++;
        } else if (box->generation == generation && socket->staged) {
            begin(socket);
            report->added++;
        } else if (is_older(generation, socket) && socket->requested && !socket->claimed_by) {
            mp_udp_socket_close(socket, false);
            report->closed++;
        }
    }
}
