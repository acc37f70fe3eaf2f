/*
 * Certificates for Lua: what ssl_certificate_class.h reads, and what a peer has shown.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_CERTIFICATE_H
#define BINDING_SSL_CERTIFICATE_H

#include "object/state.h"
#include "tls/certificate.h"

void binding_open_ssl_certificate(lua_State *L, binding_state *state);

/* Pushes a certificate, of which it counts a reference; nil for NULL. */
void binding_push_certificate(lua_State *L, mp_certificate *certificate);

/* Pushes a list of certificates. */
void binding_push_certificates(lua_State *L, const mp_certificates *certificates);

/* The certificate at `index`, or NULL if something else is there; the second one raises then. It is the
   value's. */
mp_certificate *binding_test_certificate(lua_State *L, int index);
mp_certificate *binding_check_certificate(lua_State *L, int index);

#endif
