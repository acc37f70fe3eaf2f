/*
 * moonport.HostAddress.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_HOST_ADDRESS_H
#define BINDING_HOST_ADDRESS_H

#include "object/state.h"

void binding_open_host_address(lua_State *L, binding_state *state);

/* Pushes moonport.HostAddress: a table that makes addresses when it is called, and has the other functions
   of Qt's class. */
void binding_push_host_address_class(lua_State *L, binding_state *state);

#endif
