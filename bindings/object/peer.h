/*
 * The addresses of datagrams' peers as strings. The same few peers send many datagrams, so each address
 * becomes a string only once; and a string that came from here becomes an address without being read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PEER_H
#define BINDING_PEER_H

#include "object/state.h"

void binding_open_peers(lua_State *L, binding_state *state);

/* Pushes the text of an address. Its place in the store is *place. */
void binding_push_peer(lua_State *L, binding_state *state, const mp_address *address, int *place);

/* The address whose text is at `index`, a string, if it is the one that the store has at `place`; else
   NULL. */
const mp_address *binding_peer_at(lua_State *L, const binding_state *state, int index, int place);

/* The address at `index`: text or HostAddress. Raises if it isn't one. */
void binding_check_peer(lua_State *L, binding_state *state, int index, mp_address *address);

#endif
