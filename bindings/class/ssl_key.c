/*
 * moonport.SslKey: QSslKey for Lua, an immutable value. It never asks for a passphrase.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_key.h"

#include "class/ssl_text.h"
#include "object/box.h"
#include "object/class.h"
#include "object/surplus.h"

mp_key *binding_test_key(lua_State *L, int index) {
    return binding_is(L, binding_state_of(L), index, CLASS_SSL_KEY) ? *(mp_key **)lua_touserdata(L, index)
                                                                    : NULL;
}

mp_key *binding_check_key(lua_State *L, int index) {
    mp_key *key = *(mp_key **)binding_check_userdata(L, index, CLASS_SSL_KEY);
    if (!key)
        luaL_argerror(L, index, "the object has been collected");
    return key;
}

void binding_push_key(lua_State *L, mp_key *key) {
    if (!key) {
        lua_pushnil(L);
        return;
    }
    mp_key **value = binding_new_value(L, binding_find(L), CLASS_SSL_KEY, sizeof *value, 0);
    mp_key_reference(key);
    *value = key;
}

/* key -> value. A protected call. */
static int push(lua_State *L) {
    binding_push_key(L, lua_touserdata(L, 1));
    return 1;
}

static void release(void *key) {
    mp_key_unreference(key);
}

int binding_give_key(lua_State *L, mp_key *key) {
    return binding_give(L, push, key, release, 1);
}

static mp_key *check_self(lua_State *L, int parameters) {
    binding_takes(L, 1 + parameters);
    return binding_check_key(L, 1);
}

int binding_new_ssl_key(lua_State *L) {
    const char *why;
    mp_key *key;
    binding_takes(L, 2);
    mp_tls_source source = binding_check_source(L, 1);
    mp_passphrase passphrase = binding_check_passphrase(L, 2);
    if (mp_key_read(source, passphrase, &key, &why) < 0)
        return binding_fail_to_read(L, "SslKey", source, why);
    return binding_give_key(L, key);
}

/* key:algorithm() -> "Rsa", "Ec", "Ed25519" … */
static int ssl_key_algorithm(lua_State *L) {
    lua_pushstring(L, mp_key_algorithm(check_self(L, 0)));
    return 1;
}

/* key:length() -> bits */
static int ssl_key_length(lua_State *L) {
    lua_pushinteger(L, mp_key_bits(check_self(L, 0)));
    return 1;
}

/* key:type() -> "PrivateKey" or "PublicKey" */
static int ssl_key_type(lua_State *L) {
    lua_pushstring(L, mp_key_is_private(check_self(L, 0)) ? "PrivateKey" : "PublicKey");
    return 1;
}

static int give(lua_State *L, const char *what, mp_text *text, int result, const char *why) {
    if (result == 0)
        return binding_give_text(L, text, result);
    mp_text_free(text);
    return binding_fail_to_read(L, what, (mp_tls_source){NULL, 0, false}, why);
}

/* key:toPem([passphrase]) -> string | nil, message, code */
static int ssl_key_to_pem(lua_State *L) {
    const char *why = NULL;
    const mp_key *key = check_self(L, 1);
    mp_passphrase passphrase = binding_check_passphrase(L, 2);
    mp_text *text = binding_new_text(L);
    int result = mp_key_pem(key, passphrase, text, &why);
    return give(L, "toPem", text, result, why);
}

/* key:toDer() -> string | nil, message, code */
static int ssl_key_to_der(lua_State *L) {
    const char *why = NULL;
    const mp_key *key = check_self(L, 0);
    mp_text *text = binding_new_text(L);
    int result = mp_key_der(key, text, &why);
    return give(L, "toDer", text, result, why);
}

/* a == b */
static int ssl_key_eq(lua_State *L) {
    const mp_key *key = binding_test_key(L, 1), *other = binding_test_key(L, 2);
    lua_pushboolean(L, key && other && mp_key_equal(key, other));
    return 1;
}

/* tostring(key) -> "SslKey (Rsa, 2048 bits, PrivateKey)": nothing of the key itself */
static int ssl_key_to_string(lua_State *L) {
    const mp_key *key = check_self(L, BINDING_ANY);
    lua_pushfstring(L, "SslKey (%s, %d bits, %s)", mp_key_algorithm(key), mp_key_bits(key),
                    mp_key_is_private(key) ? "PrivateKey" : "PublicKey");
    return 1;
}

static int ssl_key_gc(lua_State *L) {
    mp_key **value = lua_touserdata(L, 1);
    mp_key_unreference(*value);
    *value = NULL;
    return 0;
}

void binding_open_ssl_key(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {{"algorithm", ssl_key_algorithm}, {"length", ssl_key_length},
                                       {"type", ssl_key_type},           {"toPem", ssl_key_to_pem},
                                       {"toDer", ssl_key_to_der},        {NULL, NULL}};
    static const luaL_Reg metamethods[] = {
        {"__tostring", ssl_key_to_string}, {"__eq", ssl_key_eq}, {"__gc", ssl_key_gc}, {NULL, NULL}};
    binding_new_class(L, state, CLASS_SSL_KEY, methods);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, metamethods, 1);
    lua_pop(L, 1);
}
