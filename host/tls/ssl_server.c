/*
 * SslServers; see ssl_server.h. A connection in its handshake belongs to the listener, so the handshake goes
 * on when a reload hands the listener over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/ssl_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/stream.h"
#include "net/stream_transport.h"
#include "tls/handshake.h"
#include "tls/ssl_extras.h"

#define TELL_AGAIN 1000.0 /* milliseconds between two log lines of handshakes that were ended */

const mp_behaviour mp_ssl_server_behaviour = {MP_SSL_SERVER, mp_tcp_server_is_active, NULL,
                                              mp_tcp_server_close_object, mp_tcp_server_wind_down};

static mp_ssl_server *ssl_server_of(const mp_tcp_server *server) {
    bool is_one = server && server->object.behaviour == &mp_ssl_server_behaviour;
    return is_one ? (mp_ssl_server *)(uintptr_t)server : NULL;
}

mp_tls_configuration *mp_ssl_server_configuration_of(const mp_tcp_server *server) {
    const mp_ssl_server *one = ssl_server_of(server);
    return one ? one->configuration : NULL;
}

/* --- handshakes ----------------------------------------------------------------------------------------- */

/* It is no longer among the handshakes. */
static void leaves(mp_stream *stream) {
    mp_listener *listener = stream->listener;
    mp_ring *link = &mp_ssl_extras_of(stream)->handshake;
    assert(listener->handshake_count > 0);
    mp_ring_remove(link);
    listener->handshake_count--;
}

static void tell_crowded(mp_ssl_server *server) {
    double now = mp_loop_now();
    server->crowded_out++;
    if (server->crowded_out_told > 0 && now - server->told < TELL_AGAIN)
        return;
    mp_log(server->tcp.object.loop->log_level, MP_LOG_WARNING,
           "SslServer, port %u: more than %u handshakes at once; %llu that began first have been ended",
           server->tcp.listener->port, server->max_handshakes,
           (unsigned long long)(server->crowded_out - server->crowded_out_told));
    server->crowded_out_told = server->crowded_out;
    server->told = now;
}

/* Its first byte has arrived. */
static void begins(mp_stream *stream) {
    mp_listener *listener = stream->listener;
    mp_ssl_server *server = ssl_server_of(listener->server);
    mp_ring_append(&listener->handshakes, &mp_ssl_extras_of(stream)->handshake);
    listener->handshake_count++;
    if (!server)
        return;
    if (mp_loop_wants(&server->tcp.object, MP_SIGNAL_STARTED_HANDSHAKE))
        mp_object_emit(&server->tcp.object, MP_SIGNAL_STARTED_HANDSHAKE, (intptr_t)stream);
    if (server->max_handshakes == 0 || listener->handshake_count <= server->max_handshakes)
        return;
    mp_ssl_extras *first = MP_CONTAINER(listener->handshakes.next, mp_ssl_extras, handshake);
    leaves(first->tcp.stream.stream);
    tell_crowded(server);
    mp_stream_fail(first->tcp.stream.stream, MP_FAULT_SSL_CROWDED_OUT);
}

static void done(mp_stream *stream) {
    mp_tcp_server *server = mp_stream_server(stream);
    mp_tcp_server_shakes(stream, false);
    mp_listener_admit(stream);
    mp_tcp_server_offer(server);
    mp_tcp_server_update(server);
}

static void failed(mp_stream *stream) {
    mp_ssl_server *server = ssl_server_of(mp_stream_server(stream));
    mp_tcp_server *tcp = mp_stream_server(stream);
    char peer[MP_ADDRESS_TEXT];
    if (tcp->object.loop->log_level <= MP_LOG_DEBUG) {
        mp_address_format(&((mp_tcp_socket *)stream)->peer, peer);
        mp_log(tcp->object.loop->log_level, MP_LOG_DEBUG, "handshake with %s:%u: %s", peer, stream->port,
               mp_stream_fault_text(stream));
    }
    if (server && mp_loop_wants(&tcp->object, MP_SIGNAL_HANDSHAKE_ERROR))
        mp_object_emit(&tcp->object, MP_SIGNAL_HANDSHAKE_ERROR, (intptr_t)stream);
}

static const mp_entrance entrance = {mp_ssl_server_configuration_of, begins, done, failed, leaves};

/* If memory or a configuration is missing, the connection fails without a word to the client. */
static void admit(mp_tcp_server *tcp, mp_stream *stream, int fd) {
    mp_ssl_server *server = (mp_ssl_server *)tcp;
    mp_ssl_socket *socket = (mp_ssl_socket *)stream;
    mp_listener *listener = tcp->listener;
    if (!server->implicit) {
        if (server->configuration)
            (void)mp_ssl_socket_set_configuration(socket, server->configuration);
        mp_tcp_server_admit_at_once(tcp, stream, fd);
        return;
    }
    listener->entrance = &entrance;
    stream->object.blocked = true;
    mp_listener_enter(listener, stream);
    enum mp_fault fault = !server->configuration
                              ? MP_FAULT_SSL_USER_DATA
                              : mp_ssl_socket_enter(socket, server->configuration, server->handshake_timeout);
    mp_stream_accepted(stream, listener, fd);
    mp_tcp_server_shakes(stream, true);
    if (fault != MP_FAULT_NONE)
        mp_stream_fail(stream, fault);
}

/* --- life ----------------------------------------------------------------------------------------------- */

int mp_ssl_server_init(mp_ssl_server *server, mp_network *network) {
    int result = mp_tcp_server_init_as(&server->tcp, network, &mp_ssl_server_behaviour);
    if (result < 0)
        return result;
    server->tcp.admit = admit;
    server->configuration = NULL;
    server->handshake_timeout = MP_SSL_SERVER_TIMEOUT;
    server->max_handshakes = MP_SSL_MOST_HANDSHAKES;
    server->implicit = true;
    server->problem = NULL;
    server->crowded_out = server->crowded_out_told = 0;
    return 0;
}

void mp_ssl_server_destroy(mp_ssl_server *server) {
    mp_tcp_server_destroy(&server->tcp);
    mp_tls_configuration_unreference(server->configuration);
    server->configuration = NULL;
    mp_ssl_server_set_problem(server, NULL);
}

void mp_ssl_server_set_problem(mp_ssl_server *server, const char *problem) {
    free(server->problem);
    server->problem = problem ? strdup(problem) : NULL;
}

void mp_ssl_server_set_configuration(mp_ssl_server *server, mp_tls_configuration *configuration) {
    if (configuration)
        mp_tls_configuration_reference(configuration);
    mp_tls_configuration_unreference(server->configuration);
    server->configuration = configuration;
}

void mp_ssl_server_answer(mp_stream *stream, mp_tls_configuration *configuration) {
    mp_tls_answer(stream, configuration, NAMING_ANSWERED);
}

void mp_ssl_server_answer_default(mp_stream *stream) {
    mp_tls_answer_default(stream);
}
