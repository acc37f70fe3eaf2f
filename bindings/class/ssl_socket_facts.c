/*
 * What a script may ask of an SslSocket's connection and of its peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "class/ssl_certificate.h"
#include "class/ssl_configuration.h"
#include "class/ssl_key.h"
#include "class/ssl_socket.h"
#include "class/ssl_text.h"
#include "object/arguments.h"
#include "object/box.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_ssl_socket, MP_SSL_SOCKET)

#define MOST_KEY_BYTES 1024

static const char *const modes[] = {"UnencryptedMode", "SslClientMode", "SslServerMode"};

/* --- signals -------------------------------------------------------------------------------------------- */

void binding_push_ssl_errors(lua_State *L, const mp_tls_errors *errors) {
    lua_createtable(L, errors ? (int)errors->count : 0, 0);
    for (size_t i = 0; errors && i < errors->count; i++) {
        lua_createtable(L, 0, 3);
        lua_pushstring(L, mp_tls_error_code(errors->list[i].number));
        lua_setfield(L, -2, "code");
        lua_pushstring(L, mp_tls_error_text(errors->list[i].number));
        lua_setfield(L, -2, "message");
        binding_push_certificate(L, errors->list[i].certificate);
        lua_setfield(L, -2, "certificate");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void binding_push_ssl_argument(lua_State *L, int kind, const mp_object *object, intptr_t argument) {
    const mp_tcp_socket *peer;
    switch (kind) {
    case MP_ARGUMENT_MODE: lua_pushstring(L, modes[argument]); break;
    case MP_ARGUMENT_SSL_ERRORS:
        binding_push_ssl_errors(L, mp_ssl_socket_errors((const mp_ssl_socket *)object));
        break;
    case MP_ARGUMENT_ALERT:
        lua_pushinteger(L, argument >> 8);
        lua_pushinteger(L, argument & 0xff);
        lua_pushstring(L, mp_tls_alert_text((int)argument & 0xff));
        break;
    case MP_ARGUMENT_PEER:
        peer = (const mp_tcp_socket *)argument;
        binding_push_address(L, &peer->peer);
        lua_pushinteger(L, peer->stream.port);
        break;
    default: break;
    }
}

/* --- facts ---------------------------------------------------------------------------------------------- */

/* socket:mode() -> "UnencryptedMode", "SslClientMode" or "SslServerMode" */
static int ssl_socket_mode(lua_State *L) {
    lua_pushstring(L, modes[mp_ssl_socket_mode(check_socket(L, 0))]);
    return 1;
}

/* socket:isEncrypted() -> boolean */
static int ssl_socket_is_encrypted(lua_State *L) {
    lua_pushboolean(L, mp_ssl_socket_is_encrypted(check_socket(L, 0)));
    return 1;
}

/* socket:peerCertificate() -> certificate, or nil: the peer has shown none, or nobody has asked it */
static int ssl_socket_peer_certificate(lua_State *L) {
    binding_push_certificate(L, mp_ssl_socket_peer_certificate(check_socket(L, 0), 0));
    return 1;
}

/* socket:peerCertificateChain() -> list of certificates, the peer's own first */
static int ssl_socket_peer_certificate_chain(lua_State *L) {
    const mp_ssl_socket *socket = check_socket(L, 0);
    mp_certificate *certificate;
    lua_newtable(L);
    for (size_t i = 0; (certificate = mp_ssl_socket_peer_certificate(socket, i)); i++) {
        binding_push_certificate(L, certificate);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* socket:sslHandshakeErrors() -> list of { code =, message =, certificate = or nil } */
static int ssl_socket_ssl_handshake_errors(lua_State *L) {
    binding_push_ssl_errors(L, mp_ssl_socket_errors(check_socket(L, 0)));
    return 1;
}

/* socket:ephemeralServerKey() -> key, or nil: it is no client that is encrypted, or there was none */
static int ssl_socket_ephemeral_server_key(lua_State *L) {
    return binding_give_key(L, mp_ssl_socket_ephemeral_key(check_socket(L, 0)));
}

/* socket:sessionProtocol() -> "TlsV1_3" …, "UnknownProtocol" if it isn't encrypted */
static int ssl_socket_session_protocol(lua_State *L) {
    lua_pushstring(L, mp_ssl_socket_protocol(check_socket(L, 0)));
    return 1;
}

/* socket:sessionCipher() -> { name =, standardName =, protocol =, usedBits =, supportedBits = }, or nil */
static int ssl_socket_session_cipher(lua_State *L) {
    mp_ssl_cipher cipher;
    if (!mp_ssl_socket_cipher(check_socket(L, 0), &cipher)) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 5);
    lua_pushstring(L, cipher.name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, cipher.description);
    lua_setfield(L, -2, "standardName");
    lua_pushstring(L, cipher.protocol);
    lua_setfield(L, -2, "protocol");
    lua_pushinteger(L, cipher.used_bits);
    lua_setfield(L, -2, "usedBits");
    lua_pushinteger(L, cipher.supported_bits);
    lua_setfield(L, -2, "supportedBits");
    return 1;
}

/* socket:nextNegotiatedProtocol() -> name, "" if there is none */
static int ssl_socket_next_negotiated_protocol(lua_State *L) {
    size_t size;
    const char *name = mp_ssl_socket_next_protocol(check_socket(L, 0), &size);
    lua_pushlstring(L, name, size);
    return 1;
}

/* socket:requestedServerName() -> the name that a client asked for, "" if it didn't */
static int ssl_socket_requested_server_name(lua_State *L) {
    lua_pushstring(L, mp_ssl_socket_server_name(check_socket(L, 0)));
    return 1;
}

/* socket:isSessionResumed() -> boolean */
static int ssl_socket_is_session_resumed(lua_State *L) {
    lua_pushboolean(L, mp_ssl_socket_is_resumed(check_socket(L, 0)));
    return 1;
}

/* socket:sessionTicket() -> bytes, to be kept secret; "" if there is none */
static int ssl_socket_session_ticket(lua_State *L) {
    size_t size;
    unsigned char *ticket = mp_ssl_socket_ticket(check_socket(L, 0), &size);
    lua_pushlstring(L, ticket ? (const char *)ticket : "", size);
    free(ticket);
    return 1;
}

/* socket:setSessionTicket(bytes) -> true | nil, message, code */
static int ssl_socket_set_session_ticket(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    size_t size;
    const char *ticket = luaL_checklstring(L, 2, &size);
    mp_tls_message message = {"these bytes are no session ticket"};
    if (!mp_ssl_socket_set_ticket(socket, (const unsigned char *)ticket, size))
        return binding_fail_ssl(L, "setSessionTicket", &message);
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:exportKeyingMaterial(label, size[, context]) -> bytes (RFC 5705), or nil if it isn't encrypted */
static int ssl_socket_export_keying_material(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 3);
    size_t label_size, context_size = 0, size = binding_check_size(L, 3, "the size");
    const char *label = luaL_checklstring(L, 2, &label_size);
    const char *context = lua_isnoneornil(L, 4) ? NULL : luaL_checklstring(L, 4, &context_size);
    unsigned char key[MOST_KEY_BYTES];
    luaL_argcheck(L, size > 0 && size <= sizeof key, 3, "from 1 to 1024 bytes");
    if (mp_ssl_socket_export_key(socket, label, label_size, context, context_size, key, size))
        lua_pushlstring(L, (const char *)key, size);
    else
        lua_pushnil(L);
    return 1;
}

const luaL_Reg binding_ssl_socket_facts[] = {
    {"mode", ssl_socket_mode},
    {"isEncrypted", ssl_socket_is_encrypted},
    {"peerCertificate", ssl_socket_peer_certificate},
    {"peerCertificateChain", ssl_socket_peer_certificate_chain},
    {"sslHandshakeErrors", ssl_socket_ssl_handshake_errors},
    {"sessionProtocol", ssl_socket_session_protocol},
    {"sessionCipher", ssl_socket_session_cipher},
    {"ephemeralServerKey", ssl_socket_ephemeral_server_key},
    {"nextNegotiatedProtocol", ssl_socket_next_negotiated_protocol},
    {"requestedServerName", ssl_socket_requested_server_name},
    {"isSessionResumed", ssl_socket_is_session_resumed},
    {"sessionTicket", ssl_socket_session_ticket},
    {"setSessionTicket", ssl_socket_set_session_ticket},
    {"exportKeyingMaterial", ssl_socket_export_keying_material},
    {NULL, NULL},
};
