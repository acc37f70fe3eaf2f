/*
 * moonport.SslConfiguration; see ssl_configuration_class.h. What one is made of is ssl_configuration.c's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_configuration_class.h"

#include "class/ssl_configuration.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/class.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"
#include "tls/renewal.h"

/* moonport.SslConfiguration(table) -> configuration | nil, message, code */
int binding_new_ssl_configuration(lua_State *L) {
    mp_tls_message message;
    binding_takes(L, 1);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!binding_check_configuration(L, 1, &message))
        return binding_fail_ssl(L, "SslConfiguration", &message);
    lua_settop(L, 1);
    return 1;
}

static mp_tls_configuration *check_self(lua_State *L, int parameters) {
    mp_tls_configuration **box = binding_check_userdata(L, 1, CLASS_SSL_CONFIGURATION);
    binding_takes(L, 1 + parameters);
    if (!*box)
        luaL_argerror(L, 1, "the object has been collected");
    return *box;
}

static int configuration_gc(lua_State *L) {
    mp_tls_configuration **box = lua_touserdata(L, 1);
    mp_tls_configuration_unreference(*box);
    *box = NULL;
    return 0;
}

/* One attempt; files that are being exchanged have time to fit each other, if the caller can wait.
   configuration, passphrase or nil -> */
static int refresh(lua_State *L, int status, lua_KContext attempts) {
    mp_tls_message message;
    (void)status;
    lua_settop(L, 2);
    if (mp_tls_refresh(check_self(L, 1), lua_tostring(L, 2), &message)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (attempts == MP_TLS_ATTEMPTS || !binding_can_wait(L))
        return binding_fail_ssl(L, "refresh", &message);
    binding_wait_request request = {.msec = MP_TLS_ATTEMPT_PAUSE};
    return binding_suspend(L, &request, refresh, attempts + 1);
}

/* configuration:refresh() -> true: reads its files again | nil, message, code: those that it had stay */
static int configuration_refresh(lua_State *L) {
    (void)check_self(L, 0);
    if (lua_getiuservalue(L, 1, 1) == LUA_TFUNCTION) {
        lua_call(L, 0, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "SslConfiguration: passphrase must be a text, not a %s",
                              luaL_typename(L, -1));
    }
    return refresh(L, LUA_OK, 0);
}

static const char *flag_name(const binding_flag *flags, int value) {
    while (flags->name && flags->value != value)
        flags++;
    return flags->name;
}

/* configuration:peerVerifyMode() -> name */
static int configuration_peer_verify_mode(lua_State *L) {
    lua_pushstring(
        L, flag_name(binding_verify_modes, (int)mp_tls_configuration_options(check_self(L, 0))->verify_mode));
    return 1;
}

/* configuration:peerVerifyDepth() -> n, 0: the whole chain */
static int configuration_peer_verify_depth(lua_State *L) {
    lua_pushinteger(L, mp_tls_configuration_options(check_self(L, 0))->verify_depth);
    return 1;
}

/* configuration:allowedNextProtocols() -> list */
static int configuration_allowed_next_protocols(lua_State *L) {
    const mp_tls_options *options = mp_tls_configuration_options(check_self(L, 0));
    lua_Integer count = 0;
    lua_newtable(L);
    for (size_t at = 0; at < options->alpn_size; at += 1 + (unsigned char)options->alpn[at]) {
        lua_pushlstring(L, options->alpn + at + 1, (unsigned char)options->alpn[at]);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* configuration:sessionTimeout() -> milliseconds */
static int configuration_session_timeout(lua_State *L) {
    lua_pushinteger(L, mp_tls_configuration_options(check_self(L, 0))->session_timeout * 1000);
    return 1;
}

/* a == b: equal ones are one. */
static int configuration_eq(lua_State *L) {
    const binding_state *state = binding_state_of(L);
    bool both = binding_is(L, state, 1, CLASS_SSL_CONFIGURATION) &&
                binding_is(L, state, 2, CLASS_SSL_CONFIGURATION);
    lua_pushboolean(L, both && check_self(L, 1) == *(mp_tls_configuration **)lua_touserdata(L, 2));
    return 1;
}

static const luaL_Reg methods[] = {
    {"refresh", configuration_refresh},
    {"peerVerifyMode", configuration_peer_verify_mode},
    {"peerVerifyDepth", configuration_peer_verify_depth},
    {"allowedNextProtocols", configuration_allowed_next_protocols},
    {"sessionTimeout", configuration_session_timeout},
    {NULL, NULL},
};

void binding_open_ssl_configuration(lua_State *L, binding_state *state) {
    binding_new_class(L, state, CLASS_SSL_CONFIGURATION, methods);
    lua_pop(L, 1);
    binding_set_function(L, state, "__gc", configuration_gc);
    binding_set_function(L, state, "__eq", configuration_eq);
    lua_pop(L, 1);
}
