/*
 * Arguments that the classes of sockets have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SOCKET_SETTING_H
#define BINDING_SOCKET_SETTING_H

#include <lua.h>

#include "data/address.h"

/* address, port and mode from index 2 on, as QAbstractSocket::bind has them: each may be missing, also the
   address alone. Makes their number three. */
void binding_check_bind(lua_State *L, mp_address *address, uint16_t *port, int *mode);

/* The socket option that the name at index 2 means, and its value at index 3. */
int binding_check_socket_option(lua_State *L);
int binding_check_option_value(lua_State *L);

/* true | nil, message, code, for a result of setting it */
int binding_option_result(lua_State *L, int option, int result);

#endif
