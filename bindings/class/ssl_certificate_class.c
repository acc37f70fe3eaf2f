/*
 * moonport.SslCertificate itself: what reads certificates; see ssl_certificate.h for those.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_certificate_class.h"

#include <errno.h>

#include "class/ssl_certificate.h"
#include "class/ssl_configuration.h"
#include "class/ssl_key.h"
#include "class/ssl_socket.h"
#include "class/ssl_text.h"
#include "object/arguments.h"
#include "object/class.h"
#include "object/surplus.h"
#include "tls/chain.h"
#include "tls/pkcs12.h"

static void release_certificates(void *certificates) {
    mp_certificates_free(certificates);
}

/* certificates -> the first one. A protected call. */
static int push_first(lua_State *L) {
    binding_push_certificate(L, mp_certificates_at(lua_touserdata(L, 1), 0));
    return 1;
}

/* certificates -> list. A protected call. */
static int push_all(lua_State *L) {
    binding_push_certificates(L, lua_touserdata(L, 1));
    return 1;
}

static int read_certificates(lua_State *L, const char *what, mp_tls_source source, lua_CFunction push) {
    const char *why;
    mp_certificates *certificates;
    if (mp_certificates_read(source, &certificates, &why) < 0)
        return binding_fail_to_read(L, what, source, why);
    return binding_give(L, push, certificates, release_certificates, 1);
}

/* moonport.SslCertificate(textOrPath) -> the first certificate in it | nil, message, code */
static int ssl_certificate_new(lua_State *L) {
    lua_remove(L, 1); /* the class, which is called */
    binding_takes(L, 1);
    return read_certificates(L, "SslCertificate", binding_check_source(L, 1), push_first);
}

/* moonport.SslCertificate.fromPath(path) -> list | nil, message, code */
static int ssl_certificate_from_path(lua_State *L) {
    binding_takes(L, 1);
    mp_tls_source source = binding_check_source(L, 1);
    source.is_path = true;
    return read_certificates(L, "fromPath", source, push_all);
}

/* moonport.SslCertificate.fromData(data) -> list | nil, message, code */
static int ssl_certificate_from_data(lua_State *L) {
    binding_takes(L, 1);
    mp_tls_source source = binding_check_source(L, 1);
    source.is_path = false;
    return read_certificates(L, "fromData", source, push_all);
}

/* mp_pkcs12 -> key, certificate, list. A protected call. */
static int push_pkcs12(lua_State *L) {
    const mp_pkcs12 *content = lua_touserdata(L, 1);
    binding_push_key(L, content->key);
    binding_push_certificate(L, content->certificate);
    binding_push_certificates(L, content->certificates);
    return 3;
}

static void release_pkcs12(void *content) {
    mp_pkcs12_free(content);
}

/* moonport.SslCertificate.importPkcs12(dataOrPath[, passphrase]) -> key, certificate, list | nil, message,
   code */
static int ssl_certificate_import_pkcs12(lua_State *L) {
    const char *why;
    mp_pkcs12 content;
    binding_takes(L, 2);
    mp_tls_source source = binding_check_source(L, 1);
    mp_passphrase passphrase = binding_check_passphrase(L, 2);
    if (mp_pkcs12_read(source, passphrase, &content, &why) < 0)
        return binding_fail_to_read(L, "importPkcs12", source, why);
    return binding_give(L, push_pkcs12, &content, release_pkcs12, 3);
}

/* --- verifying ------------------------------------------------------------------------------------------ */

/* The list at `index`, whose certificates have been looked at; NULL: no memory. */
static mp_certificates *chain_at(lua_State *L, int index, lua_Integer count) {
    mp_certificates *chain = mp_certificates_new();
    for (lua_Integer i = 1; chain && i <= count; i++) {
        lua_rawgeti(L, index, i);
        if (mp_certificates_add(chain, binding_test_certificate(L, -1)) < 0) {
            mp_certificates_free(chain);
            chain = NULL;
        }
        lua_pop(L, 1);
    }
    return chain;
}

/* How many certificates the list at `index` has; raises if something else is in it. */
static lua_Integer check_chain(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, index, i);
        luaL_argcheck(L, binding_test_certificate(L, -1), index, "a list of certificates expected");
        lua_pop(L, 1);
    }
    return count;
}

/* errors -> list. A protected call. */
static int push_errors(lua_State *L) {
    binding_push_ssl_errors(L, lua_touserdata(L, 1));
    return 1;
}

static void release_errors(void *errors) {
    mp_tls_errors_clear(errors);
}

/* moonport.SslCertificate.verify(chain[, hostName[, configuration = {}]]) -> list of errors | nil, message,
   code */
static int ssl_certificate_verify(lua_State *L) {
    mp_tls_message message;
    mp_tls_errors errors = {0};
    binding_takes(L, 3);
    lua_Integer count = check_chain(L, 1);
    char text[MP_ADDRESS_TEXT];
    const char *name = lua_isnoneornil(L, 2) ? NULL : binding_check_host(L, 2, text);
    lua_settop(L, 3);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    mp_tls_configuration *configuration = binding_check_configuration(L, 3, &message);
    if (!configuration)
        return binding_fail_ssl(L, "verify", &message);
    mp_certificates *chain = chain_at(L, 1, count);
    int result = chain ? mp_tls_verify_chain(configuration, chain, name, &errors) : -ENOMEM;
    mp_certificates_free(chain);
    if (result < 0)
        return luaL_error(L, "verify: out of memory");
    return binding_give(L, push_errors, &errors, release_errors, 1);
}

void binding_push_ssl_certificate_class(lua_State *L, binding_state *state) {
    static const luaL_Reg functions[] = {{"fromPath", ssl_certificate_from_path},
                                         {"fromData", ssl_certificate_from_data},
                                         {"importPkcs12", ssl_certificate_import_pkcs12},
                                         {"verify", ssl_certificate_verify},
                                         {NULL, NULL}};
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, functions, 1);
    lua_createtable(L, 0, 1);
    binding_set_function(L, state, "__call", ssl_certificate_new);
    lua_setmetatable(L, -2);
}
