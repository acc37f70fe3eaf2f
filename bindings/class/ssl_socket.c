/*
 * moonport.SslSocket: QSslSocket for Lua. It is a TcpSocket with more methods: this file has those that
 * start encryption, and wait for it. ssl_socket_facts.c has those that say what is known of the peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_socket.h"

#include <string.h>

#include "class/limits.h"
#include "class/ssl_certificate.h"
#include "class/ssl_configuration.h"
#include "class/tcp_socket.h"
#include "net/stream.h"
#include "object/arguments.h"
#include "object/class.h"
#include "object/generation.h"
#include "object/endpoint.h"
#include "object/object.h"
#include "object/prototype.h"
#include "object/result.h"
#include "object/suggestion.h"
#include "object/surplus.h"
#include "run/wait.h"

#define check_socket(L, parameters) binding_check(L, parameters, mp_ssl_socket, MP_SSL_SOCKET)

#define QT_WAIT 30000.0

mp_ssl_socket *binding_push_new_ssl_socket(lua_State *L, binding_state *state, const mp_tcp_server *server) {
    binding_box *box = binding_new_box(L, state, MP_SSL_SOCKET, sizeof(mp_ssl_socket));
    mp_ssl_socket *socket = (mp_ssl_socket *)binding_object(box);
    binding_set_plain(L, state, MP_SSL_SOCKET, server);
    mp_ssl_socket_init(socket, mp_network_of(state->loop));
    return socket;
}

/* moonport.SslSocket() -> socket */
int binding_new_ssl_socket(lua_State *L) {
    binding_takes_none(L, "pass the address to connectToHostEncrypted(host, port)");
    binding_push_new_ssl_socket(L, binding_state_of(L), NULL);
    binding_made(L, -1);
    return 1;
}

/* --- starting ------------------------------------------------------------------------------------------- */

static int result(lua_State *L, const char *what, enum mp_fault fault, const mp_tls_message *message) {
    return fault == MP_FAULT_SSL_USER_DATA ? binding_fail_ssl(L, what, message)
                                           : binding_result(L, what, fault);
}

/* A host may be called "Reader.example". */
static bool is_open_mode(const char *text) {
    return !strchr(text, '.') &&
           (strstr(text, "Read") || strstr(text, "Write") || strcmp(text, "Unbuffered") == 0);
}

/* socket:connectToHostEncrypted(host, port[, sslPeerName][, openMode = "ReadWrite"[, protocol]]) or
   socket:connectToHostEncrypted("unix:…", nil[, sslPeerName][, openMode]) -> true | nil, message, code */
static int ssl_socket_connect_to_host_encrypted(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 5);
    char text[MP_ADDRESS_TEXT], of_name[MP_ADDRESS_TEXT];
    mp_local_name path;
    enum mp_fault bad;
    bool local = binding_test_local(L, 2, 3, &path, &bad);
    const char *host = local ? lua_tostring(L, 2) : binding_check_host(L, 2, text);
    uint16_t port = local ? 0 : binding_check_port(L, 3, "connectToHostEncrypted");
    mp_tls_message message = {""};
    int next = 4;
    if (lua_type(L, 4) == LUA_TSTRING && !is_open_mode(lua_tostring(L, 4)))
        next = 5;
    else if (lua_isnil(L, 4))
        next = 5;
    const char *name = next == 5 && !lua_isnoneornil(L, 4) ? binding_check_host(L, 4, of_name) : NULL;
    int open_mode = binding_check_open_mode(L, next, MP_READ_WRITE);
    enum mp_protocol protocol = binding_check_protocol(L, next + 1);
    if (name && mp_ssl_socket_set_verify_name(socket, name) < 0)
        return luaL_error(L, "connectToHostEncrypted: out of memory");
    binding_anchor(L, 1, &socket->tcp.stream.object);
    enum mp_fault fault = MP_FAULT_NONE;
    if (!local)
        fault = mp_ssl_socket_connect(socket, host, port, open_mode, protocol, &message);
    else if (bad != MP_FAULT_NONE && socket->tcp.stream.state == MP_STATE_UNCONNECTED)
        fault = mp_tcp_socket_refuse_connect(&socket->tcp, bad);
    else
        fault = mp_ssl_socket_connect_local(socket, &path, open_mode, &message);
    mp_object_check(&socket->tcp.stream.object);
    if (local)
        lua_pushfstring(L, "connectToHostEncrypted %s", binding_shown(L, host));
    else
        lua_pushfstring(L, "connectToHostEncrypted %s:%d", binding_shown(L, host), (int)port);
    return result(L, lua_tostring(L, -1), fault, &message);
}

static int start(lua_State *L, enum mp_ssl_mode mode, const char *what) {
    mp_ssl_socket *socket = check_socket(L, 0);
    mp_tls_message message = {""};
    binding_anchor(L, 1, &socket->tcp.stream.object);
    enum mp_fault fault = mp_ssl_socket_start(socket, mode, &message);
    mp_object_check(&socket->tcp.stream.object);
    return result(L, what, fault, &message);
}

/* socket:startClientEncryption() -> true | nil, message, code */
static int ssl_socket_start_client_encryption(lua_State *L) {
    return start(L, MP_SSL_CLIENT_MODE, "startClientEncryption");
}

/* socket:startServerEncryption() -> true | nil, message, code */
static int ssl_socket_start_server_encryption(lua_State *L) {
    return start(L, MP_SSL_SERVER_MODE, "startServerEncryption");
}

/* --- settings ------------------------------------------------------------------------------------------- */

/* socket:setSslConfiguration(configuration or table) -> true | nil, message, code; for the next handshake */
static int ssl_socket_set_ssl_configuration(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    mp_tls_message message;
    mp_tls_configuration *configuration = binding_check_configuration(L, 2, &message);
    if (!configuration)
        return binding_fail_ssl(L, "setSslConfiguration", &message);
    return binding_result(L, "setSslConfiguration",
                          mp_ssl_socket_set_configuration(socket, configuration) < 0 ? MP_FAULT_RESOURCE
                                                                                     : MP_FAULT_NONE);
}

/* socket:sslConfiguration() -> configuration, or nil: the default of clients */
static int ssl_socket_ssl_configuration(lua_State *L) {
    binding_push_configuration(L, mp_ssl_socket_configuration(check_socket(L, 0)));
    return 1;
}

/* socket:setPeerVerifyName(name) */
static int ssl_socket_set_peer_verify_name(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    char text[MP_ADDRESS_TEXT];
    if (mp_ssl_socket_set_verify_name(socket, binding_check_host(L, 2, text)) < 0)
        return luaL_error(L, "setPeerVerifyName: out of memory");
    return 0;
}

/* socket:peerVerifyName() -> name */
static int ssl_socket_peer_verify_name(lua_State *L) {
    lua_pushstring(L, mp_ssl_socket_verify_name(check_socket(L, 0)));
    return 1;
}

/* socket:setHandshakeTimeout(msec) ; 0: none */
static int ssl_socket_set_handshake_timeout(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    double msec = luaL_checknumber(L, 2);
    luaL_argcheck(L, msec >= 0 && msec < 1e15, 2, "not a time");
    if (mp_ssl_socket_set_handshake_timeout(socket, msec) < 0)
        return luaL_error(L, "setHandshakeTimeout: out of memory");
    return 0;
}

/* socket:handshakeTimeout() -> msec */
static int ssl_socket_handshake_timeout(lua_State *L) {
    binding_push_msec(L, mp_ssl_socket_handshake_timeout(check_socket(L, 0)));
    return 1;
}

/* Element `i` of the list at index 2, a code or an error: its code, and its certificate if it has one. They
   stay on the stack. */
static const char *push_ignored(lua_State *L, lua_Integer i, mp_certificate **certificate) {
    if (lua_rawgeti(L, 2, i) == LUA_TTABLE) {
        lua_getfield(L, -1, "certificate");
        *certificate = binding_test_certificate(L, -1);
        lua_getfield(L, -2, "code");
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_argerror(L, 2, "a list of errors, or of their codes, expected");
    return lua_tostring(L, -1);
}

/* socket:ignoreSslErrors([list of errors or codes]) */
static int ssl_socket_ignore_ssl_errors(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    int done;
    if (lua_isnoneornil(L, 2)) {
        done = mp_ssl_socket_ignore(socket);
    } else {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
        luaL_argcheck(L, count <= 100, 2, "too many errors");
        luaL_checkstack(L, 3 * (int)count + 8, NULL);
        const char *codes[100];
        mp_certificate *certificates[100] = {NULL};
        for (lua_Integer i = 1; i <= count; i++)
            codes[i - 1] = push_ignored(L, i, &certificates[i - 1]);
        done = mp_ssl_socket_ignore_some(socket, codes, certificates, (size_t)count);
    }
    return done < 0 ? luaL_error(L, "ignoreSslErrors: out of memory") : 0;
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static bool encryption_over(const binding_wait *wait) {
    const mp_ssl_socket *socket = (const mp_ssl_socket *)wait->object;
    return mp_ssl_socket_is_encrypted(socket) || !mp_ssl_socket_is_encrypting(socket);
}

static int waited_for_encrypted(lua_State *L, int status, lua_KContext context) {
    mp_ssl_socket *socket = check_socket(L, BINDING_ANY);
    mp_stream *stream = &socket->tcp.stream;
    (void)status;
    (void)context;
    if (mp_ssl_socket_is_encrypted(socket)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!mp_ssl_socket_is_encrypting(socket))
        return binding_fail_of(L, "waitForEncrypted", stream, mp_stream_end_fault(stream));
    if (binding_outcome(L) == WAIT_CANCELLED)
        return binding_fail(L, "waitForEncrypted", MP_FAULT_CANCELLED);
    stream->fault = MP_FAULT_WAIT_TIMEOUT;
    mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_WAIT_TIMEOUT);
    return binding_fail(L, "waitForEncrypted", MP_FAULT_WAIT_TIMEOUT);
}

/* socket:waitForEncrypted([msec = 30000]) -> true | nil, message, code */
static int ssl_socket_wait_for_encrypted(lua_State *L) {
    mp_ssl_socket *socket = check_socket(L, 1);
    binding_wait_request request = {
        .object = &socket->tcp.stream.object,
        .test = encryption_over,
        .signals = MP_SIGNAL_BIT(MP_SIGNAL_ENCRYPTED) | MP_SIGNAL_BIT(MP_SIGNAL_ERROR_OCCURRED) |
                   MP_SIGNAL_BIT(MP_SIGNAL_STATE_CHANGED) | MP_SIGNAL_BIT(MP_SIGNAL_DISCONNECTED),
        .msec = binding_check_msec(L, 2, QT_WAIT)};
    if (mp_ssl_socket_is_encrypted(socket) || !mp_ssl_socket_is_encrypting(socket))
        return waited_for_encrypted(L, LUA_OK, 0);
    return binding_suspend(L, &request, waited_for_encrypted, 0);
}

/* --- the class ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"connectToHostEncrypted", ssl_socket_connect_to_host_encrypted},
    {"startClientEncryption", ssl_socket_start_client_encryption},
    {"startServerEncryption", ssl_socket_start_server_encryption},
    {"setSslConfiguration", ssl_socket_set_ssl_configuration},
    {"sslConfiguration", ssl_socket_ssl_configuration},
    {"setPeerVerifyName", ssl_socket_set_peer_verify_name},
    {"peerVerifyName", ssl_socket_peer_verify_name},
    {"setHandshakeTimeout", ssl_socket_set_handshake_timeout},
    {"handshakeTimeout", ssl_socket_handshake_timeout},
    {"ignoreSslErrors", ssl_socket_ignore_ssl_errors},
    {"waitForEncrypted", ssl_socket_wait_for_encrypted},
    {NULL, NULL},
};

void binding_open_ssl_socket(lua_State *L, binding_state *state) {
    const luaL_Reg *const parts[] = {methods, binding_ssl_socket_facts, NULL};
    binding_open_socket_class(L, state, MP_SSL_SOCKET, parts);
}
