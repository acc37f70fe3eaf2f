/*
 * moonport.TcpSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TCP_SOCKET_H
#define BINDING_TCP_SOCKET_H

#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "object/state.h"

void binding_open_tcp_socket(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_tcp_socket(lua_State *L);

/* Pushes a new socket, of `server` unless that is NULL. */
mp_tcp_socket *binding_push_new_socket(lua_State *L, binding_state *state, const mp_tcp_server *server);

/* The upcall: the strings that tcp_socket_write.c has lent aren't needed any more. */
void binding_flushed(mp_network *network);

/* Makes the part of the state that tcp_socket_write.c uses. Raises on lack of memory. */
void binding_open_writing(lua_State *L, binding_state *state);

/* What goes in front of a string, and is copied. */
typedef struct binding_head {
    const char *data;
    size_t size;
} binding_head;

/* Queues `size` bytes of the string or userdata at `index`, copied or from where they lie; with a head in
   front unless that is NULL. Then after RESOURCE the connection must end. */
enum mp_fault binding_queue(lua_State *L, mp_stream *stream, const binding_head *head, int index,
                            const char *data, size_t size);

/* A class of sockets that is based on this one: with the methods of these lists beside, which end with
   NULL. */
void binding_open_socket_class(lua_State *L, binding_state *state, enum mp_kind kind,
                               const luaL_Reg *const *own);

/* Methods of all of them. */
int binding_socket_disconnect(lua_State *L);
int binding_socket_set_descriptor(lua_State *L);

/* Methods that are in other files. */
extern const luaL_Reg binding_socket_device[], binding_socket_reading[], binding_socket_writing[],
    binding_socket_waiting[];

#endif
