/*
 * moonport.SslServer: QSslServer for Lua. It is a TcpServer with more methods.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_server.h"

#include "class/ssl_configuration.h"
#include "class/tcp_server.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "object/object.h"
#include "object/result.h"
#include "object/surplus.h"
#include "run/wait.h"
#include "run/work.h"
#include "signal/emit.h"
#include "signal/report.h"
#include "tls/ssl_server.h"

#define check_server(L, parameters) binding_check(L, parameters, mp_ssl_server, MP_SSL_SERVER)

/* moonport.SslServer() -> server */
int binding_new_ssl_server(lua_State *L) {
    binding_takes_none(
        L, "pass the certificate to setSslConfiguration(table), the address to listen(address, port)");
    binding_state *state = binding_state_of(L);
    binding_box *box = binding_new_box(L, state, MP_SSL_SERVER, sizeof(mp_ssl_server));
    if (mp_ssl_server_init((mp_ssl_server *)binding_object(box), mp_network_of(state->loop)) < 0)
        return luaL_error(L, "SslServer: out of memory");
    binding_made(L, -1);
    binding_object(box)->epoch = box->generation->number;
    return 1;
}

static void destroy(mp_object *object) {
    mp_ssl_server_destroy((mp_ssl_server *)object);
}

static int server_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

/* server:setSslConfiguration(configuration or table) -> true | nil, message, code; for new handshakes */
static int ssl_server_set_ssl_configuration(lua_State *L) {
    mp_ssl_server *server = check_server(L, 1);
    mp_tls_message message;
    mp_tls_configuration *configuration = binding_check_configuration(L, 2, &message);
    if (configuration && !mp_tls_configuration_can_serve(configuration)) {
        mp_tls_say(&message, "a server needs a certificate");
        configuration = NULL;
    }
    if (!configuration) {
        mp_ssl_server_set_problem(server, message.text);
        return binding_fail_ssl(L, "setSslConfiguration", &message);
    }
    mp_ssl_server_set_problem(server, NULL);
    mp_ssl_server_set_configuration(server, configuration);
    lua_pushboolean(L, 1);
    return 1;
}

/* server:sslConfiguration() -> configuration or nil */
static int ssl_server_ssl_configuration(lua_State *L) {
    binding_push_configuration(L, check_server(L, 0)->configuration);
    return 1;
}

/* Has it what handshakes need? Else nil, message, code are pushed. */
static bool is_ready(lua_State *L, const char *what, int parameters) {
    const mp_ssl_server *server = check_server(L, parameters);
    mp_tls_message message;
    if (!server->implicit || (server->configuration && !server->problem))
        return true;
    mp_tls_say(&message, "%s", server->problem ? server->problem : "setSslConfiguration comes first");
    binding_fail_ssl(L, what, &message);
    return false;
}

/* server:listen([address = "any"[, port = 0]]) -> true | nil, message, code */
static int ssl_server_listen(lua_State *L) {
    return is_ready(L, "listen", 2) ? binding_server_listen(L) : 3;
}

/* server:setSocketDescriptor(fd) -> true | nil, message, code */
static int ssl_server_set_socket_descriptor(lua_State *L) {
    return is_ready(L, "setSocketDescriptor", 1) ? binding_server_set_socket_descriptor(L) : 3;
}

/* server:setHandshakeTimeout(msec) ; 0: none */
static int ssl_server_set_handshake_timeout(lua_State *L) {
    mp_ssl_server *server = check_server(L, 1);
    double msec = luaL_checknumber(L, 2);
    luaL_argcheck(L, msec >= 0 && msec < 1e15, 2, "not a time");
    server->handshake_timeout = msec;
    return 0;
}

/* server:handshakeTimeout() -> msec */
static int ssl_server_handshake_timeout(lua_State *L) {
    binding_push_msec(L, check_server(L, 0)->handshake_timeout);
    return 1;
}

/* server:setMaxHandshakes(n) ; 0: no limit */
static int ssl_server_set_max_handshakes(lua_State *L) {
    mp_ssl_server *server = check_server(L, 1);
    size_t n = binding_check_size(L, 2, "the limit");
    server->max_handshakes = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return 0;
}

/* server:maxHandshakes() -> n */
static int ssl_server_max_handshakes(lua_State *L) {
    lua_pushinteger(L, check_server(L, 0)->max_handshakes);
    return 1;
}

/* server:setMaxHandshakesPerAddress(n) ; 0: no limit */
static int ssl_server_set_max_handshakes_per_address(lua_State *L) {
    mp_tcp_server *server = &check_server(L, 1)->tcp;
    size_t n = binding_check_size(L, 2, "the limit");
    if (mp_tcp_server_limit_addresses(server, server->max_per_address,
                                      n > UINT32_MAX ? UINT32_MAX : (uint32_t)n) < 0)
        return luaL_error(L, "not enough memory");
    return 0;
}

/* server:maxHandshakesPerAddress() -> n */
static int ssl_server_max_handshakes_per_address(lua_State *L) {
    lua_pushinteger(L, check_server(L, 0)->tcp.max_shaking_per_address);
    return 1;
}

/* server:handshakeCount() -> those that have begun and are not done */
static int ssl_server_handshake_count(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)check_server(L, 0)->tcp.listener->handshake_count);
    return 1;
}

/* server:setImplicitEncryption(on) ; off: connections begin in the clear, for startServerEncryption */
static int ssl_server_set_implicit_encryption(lua_State *L) {
    mp_ssl_server *server = check_server(L, 1);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    server->implicit = lua_toboolean(L, 2);
    return 0;
}

/* server:implicitEncryption() -> boolean */
static int ssl_server_implicit_encryption(lua_State *L) {
    lua_pushboolean(L, check_server(L, 0)->implicit);
    return 1;
}

/* --- serverNameRequested -------------------------------------------------------------------------------- */

/* Gives the handshake its answer, and lets go of the connection. */
static void give(mp_stream *stream, mp_tls_configuration *configuration) {
    mp_ssl_server_answer(stream, configuration);
    stream->object.holds--;
    mp_object_check(&stream->object);
}

/* stream, the first two that the handler gave -> ; nil, message is what could not be done for the name */
static int use_answer(lua_State *L) {
    mp_stream *stream = lua_touserdata(L, 1);
    mp_tls_message message;
    mp_tls_configuration *configuration = NULL;
    if (lua_isnil(L, 2) && lua_type(L, 3) == LUA_TSTRING)
        return lua_error(L);
    if (lua_isnil(L, 2)) {
        mp_ssl_server_answer_default(stream);
        return 0;
    }
    if (!(configuration = binding_check_configuration(L, 2, &message)))
        return luaL_error(L, "%s", message.text);
    if (!mp_tls_configuration_can_serve(configuration)) /* the client gets an alert, "internal error" */
        mp_log(stream->object.loop->log_level, MP_LOG_ERROR,
               "serverNameRequested: a server needs a certificate");
    mp_ssl_server_answer(stream, configuration);
    return 0;
}

static void answered(binding_task *task, int status, int count) {
    binding_state *state = task->state;
    mp_stream *stream = task->owner;
    lua_State *L = state->L;
    if (status == LUA_OK && count > 0) {
        lua_pushcfunction(L, use_answer);
        lua_pushlightuserdata(L, stream);
        lua_settop(task->co, lua_gettop(task->co) - count + 2);
        lua_xmove(task->co, L, 2);
        if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
            mp_log(state->loop->log_level, MP_LOG_ERROR, "serverNameRequested: %s",
                   lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error");
            lua_pop(L, 1);
        }
    } else if (status == LUA_OK) {
        mp_ssl_server_answer_default(stream);
    }
    give(stream, NULL);
}

static const binding_task_kind asking = {
    .name = "serverNameRequested", .failed = binding_report, .ended = answered};

static int protected_text(lua_State *L) {
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

void binding_name_requested(mp_tcp_server *server, mp_stream *stream, const char *name) {
    binding_state *state = server->object.loop->owner;
    binding_task *task = binding_take_task(state);
    stream->object.holds++;
    if (!task) {
        give(stream, NULL);
        return;
    }
    lua_State *co = task->co;
    enum binding_origin origin = ORIGIN_NONE;
    if (binding_push(co, &server->object)) {
        lua_rawgeti(co, LUA_REGISTRYINDEX, state->classes.signal_names[MP_SIGNAL_SERVER_NAME_REQUESTED]);
        origin = binding_push_handler(co, &server->object, 1, 2);
    }
    if (origin == ORIGIN_NONE) {
        binding_give_back(task);
        mp_ssl_server_answer_default(stream);
        give(stream, NULL);
        return;
    }
    task->kind = &asking;
    task->owner = stream;
    binding_begin_handler(task, &server->object, MP_SIGNAL_SERVER_NAME_REQUESTED, origin);
    /* Nothing but the function and what it is called with: the results are counted. */
    lua_replace(co, 2);
    lua_settop(co, 2);
    lua_insert(co, 1);
    lua_pushcfunction(co, protected_text);
    lua_pushlightuserdata(co, (void *)(uintptr_t)name);
    if (lua_pcall(co, 1, 1, 0) != LUA_OK)
        lua_pop(co, 1);
    binding_resume(task, 2);
}

/* --- the class ------------------------------------------------------------------------------------------ */

static const luaL_Reg methods[] = {
    {"listen", ssl_server_listen},
    {"setSocketDescriptor", ssl_server_set_socket_descriptor},
    {"setSslConfiguration", ssl_server_set_ssl_configuration},
    {"sslConfiguration", ssl_server_ssl_configuration},
    {"setHandshakeTimeout", ssl_server_set_handshake_timeout},
    {"handshakeTimeout", ssl_server_handshake_timeout},
    {"setMaxHandshakes", ssl_server_set_max_handshakes},
    {"maxHandshakes", ssl_server_max_handshakes},
    {"setMaxHandshakesPerAddress", ssl_server_set_max_handshakes_per_address},
    {"maxHandshakesPerAddress", ssl_server_max_handshakes_per_address},
    {"handshakeCount", ssl_server_handshake_count},
    {"setImplicitEncryption", ssl_server_set_implicit_encryption},
    {"implicitEncryption", ssl_server_implicit_encryption},
    {NULL, NULL},
};

void binding_open_ssl_server(lua_State *L, binding_state *state) {
    binding_open_server_class(L, state, MP_SSL_SERVER, methods, server_gc);
}
