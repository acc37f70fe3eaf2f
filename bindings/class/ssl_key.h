/*
 * moonport.SslKey.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_KEY_H
#define BINDING_SSL_KEY_H

#include "object/state.h"
#include "tls/key.h"

void binding_open_ssl_key(lua_State *L, binding_state *state);

/* moonport.SslKey(textOrPath[, passphrase]) */
int binding_new_ssl_key(lua_State *L);

/* Pushes a key, of which it counts a reference; nil for NULL. */
void binding_push_key(lua_State *L, mp_key *key);

/* Makes a key into a value, or NULL into nil, and gives the caller's reference back whether or not that
   raises. -> 1 */
int binding_give_key(lua_State *L, mp_key *key);

/* The key at `index`, or NULL if something else is there; the second one raises then. It is the value's. */
mp_key *binding_test_key(lua_State *L, int index);
mp_key *binding_check_key(lua_State *L, int index);

#endif
