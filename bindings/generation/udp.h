/*
 * UDP sockets over a reload: a bound socket of the former run is taken over by the same bind of the new one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_GENERATION_UDP_H
#define BINDING_GENERATION_UDP_H

#include "generation/succession.h"
#include "net/udp_socket.h"

/* A bound socket of a run before `generation` that was bound with these arguments, and that no socket claims;
   or NULL. */
mp_udp_socket *binding_claim_udp(binding_generation *generation, const mp_address *address, uint16_t port,
                                 int mode);

/* True if a socket of such a run has that port, and ends with its run. */
bool binding_is_udp_in_way(binding_generation *generation, uint16_t port);

/* True if the code that serves closed a socket that the staged generation would have taken over. */
bool binding_has_lost_udp(const binding_generation *generation);

/* Binds what had to wait for the end of the former run; the last step that can fail. False: *port and *fault
   say what did. */
bool binding_open_udp_sockets(binding_generation *generation, uint16_t *port, enum mp_fault *fault);

/* The commit: descriptors change hands, and bound ones that nobody asked for are closed. */
void binding_move_udp_sockets(binding_generation *generation, binding_commit *report);

#endif
