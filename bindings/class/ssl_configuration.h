/*
 * The settings of TLS, given as a table or as an SslConfiguration.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_CONFIGURATION_H
#define BINDING_SSL_CONFIGURATION_H

#include "object/arguments.h"
#include "object/state.h"
#include "tls/configuration.h"

/* The values of peerVerifyMode. */
extern const binding_flag binding_verify_modes[];

/* The configuration at `index`, an SslConfiguration or a table of options, which then stands there as one.
   NULL: it is unusable, see the message. Raises for another type, and for unknown options. */
mp_tls_configuration *binding_check_configuration(lua_State *L, int index, mp_tls_message *message);

/* Pushes it, with a reference of its own; NULL pushes nil. */
void binding_push_configuration(lua_State *L, mp_tls_configuration *configuration);

/* nil, "what: message", code */
int binding_fail_ssl(lua_State *L, const char *what, const mp_tls_message *message);

#endif
