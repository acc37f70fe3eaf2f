/*
 * What a script learns of a datagram besides its bytes and its peer: a read-only object.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_DATAGRAM_INFO_H
#define BINDING_DATAGRAM_INFO_H

#include "data/datagram.h"
#include "object/state.h"

typedef struct binding_datagram_info {
    mp_datagram_head head;
    int place; /* of its peer in the store, see peer.h */
} binding_datagram_info;

/* Pushes a new one, without knowledge. */
binding_datagram_info *binding_push_datagram_info(lua_State *L, binding_state *state);

/* Pushes the bytes of a datagram, its peer and the peer's port, and fills in `info`. The bytes come first:
   what runs when Lua collects garbage may end what they lie in. */
void binding_push_datagram(lua_State *L, binding_state *state, const mp_datagram *datagram,
                           binding_datagram_info *info);

/* The info at `index`, or NULL. */
binding_datagram_info *binding_test_datagram_info(lua_State *L, const binding_state *state, int index);

void binding_open_datagram_info(lua_State *L, binding_state *state);

#endif
