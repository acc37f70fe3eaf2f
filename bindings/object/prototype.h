/*
 * Prototypes: what a server's connections have in common; see prototype.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PROTOTYPE_H
#define BINDING_PROTOTYPE_H

#include "net/tcp_server.h"
#include "object/state.h"

/* Makes the metatable of plain sockets, those without fields; on the stack that of the others and the
   methods, both popped. */
void binding_new_plain_class(lua_State *L, binding_state *state);

/* Makes the new socket on top a plain one, of `server` if it isn't NULL. */
void binding_set_plain(lua_State *L, const binding_state *state, const mp_tcp_server *server);

/* The socket at `index` is a plain one no longer: it gets the fields on top. */
void binding_end_plain(lua_State *L, const binding_state *state, int index);

/* Checks the table at `index`, which becomes a server's `connection`, and from now on what is put there. */
void binding_adopt_prototype(lua_State *L, binding_state *state, int index);

/* Raises if the prototype of the server at `index` is a class of the script's own in which something stands
   that no connection would see; in another table it couldn't be. */
void binding_check_prototype(lua_State *L, int index);

/* Takes note of the `connection` table of the server at `index`, which has changed or begins to matter. */
void binding_update_prototype(lua_State *L, int index);

/* A server has no connections any more. */
void binding_drop_prototype(mp_tcp_server *server);

/* Has the script put anything into the prototype? To read `server.connection` makes an empty one. */
bool binding_has_prototype(lua_State *L, const mp_listener *listener);

#endif
