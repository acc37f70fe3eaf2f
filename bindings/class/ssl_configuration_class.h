/*
 * moonport.SslConfiguration as a class: its constructor and its methods.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_CONFIGURATION_CLASS_H
#define BINDING_SSL_CONFIGURATION_CLASS_H

#include "object/state.h"

void binding_open_ssl_configuration(lua_State *L, binding_state *state);

/* The constructor; upvalues as of all functions of the module. */
int binding_new_ssl_configuration(lua_State *L);

#endif
