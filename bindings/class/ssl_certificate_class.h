/*
 * moonport.SslCertificate itself: what reads certificates.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_CERTIFICATE_CLASS_H
#define BINDING_SSL_CERTIFICATE_CLASS_H

#include "object/state.h"

/* Pushes moonport.SslCertificate: a table that reads a certificate when it is called, and has what Qt's class
   has beside. */
void binding_push_ssl_certificate_class(lua_State *L, binding_state *state);

#endif
