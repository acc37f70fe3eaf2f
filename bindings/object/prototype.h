/*
 * Prototypes: what a server's connections share; see prototype.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PROTOTYPE_H
#define BINDING_PROTOTYPE_H

#include "net/tcp_server.h"
#include "object/state.h"

/* Makes the metatable of plain sockets, those without fields. Stack: the metatable of the others and the
   methods; pops both. */
void binding_new_plain_class(lua_State *L, binding_state *state, enum mp_kind kind);

/* Makes the new socket on top a plain one, of `server` unless that is NULL. */
void binding_set_plain(lua_State *L, const binding_state *state, enum mp_kind kind,
                       const mp_tcp_server *server);

/* Gives the socket at `index` the fields on top: it isn't plain any more. */
void binding_end_plain(lua_State *L, const binding_state *state, int index);

/* Checks the table at `index`, which becomes a server's `connection`, and its fields from now on. */
void binding_adopt_prototype(lua_State *L, binding_state *state, enum mp_kind of_server, int index);

/* Raises if the prototype of the server at `index` is a class of the script with a member that no
   connection would see. Other tables can't have one. */
void binding_check_prototype(lua_State *L, int index);

/* Uses the `connection` table of the server at `index`, which has changed or is needed for the first time.
   Only the first time of a listener takes memory, and may raise. */
void binding_update_prototype(lua_State *L, int index);

/* A server has no connections any more. */
void binding_drop_prototype(mp_tcp_server *server);

/* True if the script has put anything into the prototype. Reading `server.connection` makes an empty one. */
bool binding_has_prototype(lua_State *L, const mp_listener *listener);

#endif
