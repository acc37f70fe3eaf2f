/*
 * SslSockets; see ssl_socket.h. ssl_socket_facts.c says what was negotiated with the peer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/ssl_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/stream_transport.h"
#include "tls/handshake.h"
#include "tls/transport.h"

/* --- the class ------------------------------------------------------------------------------------------ */

static void end_handshake(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_idle_unwatch(&extras->deadline);
    if (extras->handshake.next)
        stream->listener->entrance->leaves(stream);
}

static void leave(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_tcp_socket_leave(stream);
    stream->switching = false;
    if (!extras)
        return;
    end_handshake(stream);
    extras->encrypted = extras->ignore_all = false;
    extras->starting = MP_UNENCRYPTED_MODE;
}

static void free_ignored(mp_ssl_extras *extras) {
    for (size_t i = 0; i < extras->ignored_count; i++)
        mp_certificate_unreference(extras->ignored[i].certificate);
    free(extras->ignored);
    extras->ignored = NULL;
    extras->ignored_count = 0;
}

static void free_extras(mp_stream_extras *of_stream) {
    mp_ssl_extras *extras = (mp_ssl_extras *)of_stream;
    assert(!extras->session && !extras->handshake.next);
    mp_tls_configuration_unreference(extras->configuration);
    mp_tls_configuration_unreference(extras->answer);
    if (extras->errors)
        mp_tls_errors_clear(extras->errors);
    free(extras->errors);
    free_ignored(extras);
    sk_X509_pop_free(extras->peer_chain, X509_free);
    SSL_SESSION_free(extras->ticket);
    free(extras->verify_name);
    free(extras->server_name);
    free(extras->text);
    mp_tcp_socket_free_extras(of_stream);
}

/* Forgets what was known of the last peer. */
static void forget_peer(mp_ssl_extras *extras) {
    if (extras->errors)
        mp_tls_errors_clear(extras->errors);
    sk_X509_pop_free(extras->peer_chain, X509_free);
    extras->peer_chain = NULL;
    free(extras->server_name);
    free(extras->text);
    extras->server_name = extras->text = NULL;
    extras->verdict = VERDICT_NONE;
    extras->naming = NAMING_UNASKED;
}

static void connecting(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    forget_peer(extras);
    if (!(stream->flags & FLAG_CARRIED))
        extras->mode = MP_UNENCRYPTED_MODE;
}

static void on_deadline(mp_idle *idle) {
    mp_stream *stream = MP_CONTAINER(idle, mp_ssl_extras, deadline)->tcp.stream.stream;
    mp_idle_unwatch(idle);
    if (!mp_tls_give_up_name(stream))
        mp_stream_fail(stream, MP_FAULT_SSL_HANDSHAKE_TIMEOUT);
}

/* The handshake is about to begin, on a connection. */
static void begin_handshake(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    double timeout = mp_ssl_socket_handshake_timeout((mp_ssl_socket *)stream);
    extras->mode = extras->session->mode;
    if (timeout > 0)
        mp_idle_watch(&extras->deadline, stream->object.loop, timeout, on_deadline);
    mp_object_emit(&stream->object, MP_SIGNAL_MODE_CHANGED, extras->mode);
    if (extras->mode == MP_SSL_CLIENT_MODE && mp_tls_prepare_client(stream) < 0)
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
}

static void announced(mp_stream *stream) {
    if (stream->flags & FLAG_CARRIED)
        begin_handshake(stream);
}

static void opened(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    end_handshake(stream);
    extras->encrypted = true;
    if (stream->entering) {
        stream->object.blocked = false;
        stream->listener->entrance->done(stream);
    }
    mp_object_emit(&stream->object, MP_SIGNAL_ENCRYPTED, 0);
}

static void refused(mp_stream *stream) {
    stream->listener->entrance->failed(stream);
}

static void drained(mp_stream *stream) {
    if (stream->switching && stream->out.bytes == 0)
        mp_object_defer(&stream->object, STEP_SWITCH);
}

static void judges(mp_stream *stream, int change) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (!extras)
        return;
    extras->judges = (uint16_t)(extras->judges + change);
    mp_tls_judged(stream);
}

static void step(mp_object *object, int number);

const mp_stream_class mp_ssl_socket_class = {
    .behaviour = {MP_SSL_SOCKET, mp_stream_is_active, step, NULL, mp_tcp_socket_wind_down},
    .extras_size = sizeof(mp_ssl_extras),
    .leave = leave,
    .remember = mp_tcp_socket_remember,
    .forget = mp_tcp_socket_forget,
    .free_extras = free_extras,
    .announced = announced,
    .opened = opened,
    .drained = drained,
    .judges = judges,
    .connecting = connecting,
    .refused = refused,
};

void mp_ssl_socket_init(mp_ssl_socket *socket, mp_network *network) {
    mp_tcp_socket_init_as(&socket->tcp, network, &mp_ssl_socket_class);
}

static mp_ssl_extras *need_extras(mp_stream *stream) {
    return (mp_ssl_extras *)mp_stream_need_extras(stream);
}

/* --- settings ------------------------------------------------------------------------------------------- */

int mp_ssl_socket_set_configuration(mp_ssl_socket *socket, mp_tls_configuration *configuration) {
    mp_ssl_extras *extras = need_extras(&socket->tcp.stream);
    if (!extras)
        return -ENOMEM;
    mp_tls_configuration_reference(configuration);
    mp_tls_configuration_unreference(extras->configuration);
    extras->configuration = configuration;
    return 0;
}

mp_tls_configuration *mp_ssl_socket_configuration(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return !extras ? NULL : extras->session ? extras->session->configuration : extras->configuration;
}

int mp_ssl_socket_set_verify_name(mp_ssl_socket *socket, const char *name) {
    mp_ssl_extras *extras = need_extras(&socket->tcp.stream);
    char *copy = *name ? strdup(name) : NULL;
    if (!extras || (*name && !copy)) {
        free(copy);
        return -ENOMEM;
    }
    free(extras->verify_name);
    extras->verify_name = copy;
    return 0;
}

int mp_ssl_socket_set_handshake_timeout(mp_ssl_socket *socket, double msec) {
    mp_ssl_extras *extras = need_extras(&socket->tcp.stream);
    if (!extras)
        return -ENOMEM;
    extras->handshake_timeout = msec;
    extras->has_timeout = true;
    return 0;
}

double mp_ssl_socket_handshake_timeout(const mp_ssl_socket *socket) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(&socket->tcp.stream);
    return extras && extras->has_timeout ? extras->handshake_timeout : MP_SSL_CLIENT_TIMEOUT;
}

int mp_ssl_socket_ignore(mp_ssl_socket *socket) {
    mp_ssl_extras *extras = need_extras(&socket->tcp.stream);
    if (extras)
        extras->ignore_all = true;
    return extras ? 0 : -ENOMEM;
}

int mp_ssl_socket_ignore_some(mp_ssl_socket *socket, const char *const *codes,
                              mp_certificate *const *certificates, size_t count) {
    mp_ssl_extras *extras = need_extras(&socket->tcp.stream);
    mp_ssl_ignored *list = calloc(count + 1, sizeof *list);
    if (!extras || !list) {
        free(list);
        return -ENOMEM;
    }
    free_ignored(extras);
    for (size_t i = 0; i < count; i++) {
        strncpy(list[i].code, codes[i], sizeof list[i].code - 1);
        list[i].certificate = certificates[i];
        mp_certificate_reference(certificates[i]);
    }
    extras->ignored = list;
    extras->ignored_count = count;
    return 0;
}

/* --- starting ------------------------------------------------------------------------------------------- */

/* Makes the session, and puts the transport under the stream. */
static enum mp_fault attach(mp_stream *stream, enum mp_ssl_mode mode, mp_tls_message *message) {
    mp_network *network = mp_stream_network(stream);
    mp_tls_shared *shared = mp_tls_shared_of(network);
    mp_ssl_extras *extras = need_extras(stream);
    if (!shared || !extras)
        return MP_FAULT_RESOURCE;
    mp_tls_configuration *configuration = extras->configuration;
    if (configuration)
        mp_tls_configuration_reference(configuration);
    else if (!(configuration = mp_tls_usual_configuration(network, message)))
        return MP_FAULT_SSL_USER_DATA;
    if (mode == MP_SSL_SERVER_MODE && !mp_tls_configuration_can_serve(configuration)) {
        mp_tls_say(message, "a server needs a certificate");
        mp_tls_configuration_unreference(configuration);
        return MP_FAULT_SSL_USER_DATA;
    }
    mp_tls_session *session = mp_tls_session_new(shared, configuration, mode, &mp_tls_handshake_hooks,
                                                 stream);
    mp_tls_configuration_unreference(configuration);
    if (!session)
        return MP_FAULT_RESOURCE;
    extras->session = session;
    if ((mode == MP_SSL_CLIENT_MODE && mp_tls_session_begin(session) < 0) ||
        mp_stream_set_transport(stream, &mp_tls_transport, session) < 0) {
        extras->session = NULL;
        mp_tls_session_free(session);
        return MP_FAULT_RESOURCE;
    }
    return MP_FAULT_NONE;
}

/* What the next connection starts with. */
static enum mp_fault prepare(mp_stream *stream, mp_tls_message *message) {
    if (stream->state != MP_STATE_UNCONNECTED && stream->state != MP_STATE_BOUND)
        return MP_FAULT_NONE; /* connecting says what is wrong */
    mp_stream_release_carrier(stream);
    return attach(stream, MP_SSL_CLIENT_MODE, message);
}

enum mp_fault mp_ssl_socket_connect(mp_ssl_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol, mp_tls_message *message) {
    enum mp_fault fault = prepare(&socket->tcp.stream, message);
    return fault != MP_FAULT_NONE ? fault
                                  : mp_tcp_socket_connect(&socket->tcp, host, port, open_mode, protocol);
}

enum mp_fault mp_ssl_socket_connect_local(mp_ssl_socket *socket, const mp_local_name *name, int open_mode,
                                          mp_tls_message *message) {
    enum mp_fault fault = prepare(&socket->tcp.stream, message);
    return fault != MP_FAULT_NONE ? fault : mp_tcp_socket_connect_local(&socket->tcp, name, open_mode);
}

static enum mp_fault switch_now(mp_stream *stream, enum mp_ssl_mode mode, mp_tls_message *message) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    forget_peer(extras);
    enum mp_fault fault = attach(stream, mode, message);
    if (fault == MP_FAULT_NONE)
        begin_handshake(stream);
    return fault;
}

enum mp_fault mp_ssl_socket_start(mp_ssl_socket *socket, enum mp_ssl_mode mode, mp_tls_message *message) {
    mp_stream *stream = &socket->tcp.stream;
    mp_ssl_extras *extras = need_extras(stream);
    if (!extras)
        return MP_FAULT_RESOURCE;
    if (stream->state != MP_STATE_CONNECTED)
        return MP_FAULT_NOT_CONNECTED;
    if (stream->open_mode & MP_MOVED)
        return mp_stream_moved_fault(stream);
    if ((stream->flags & FLAG_CARRIED) || stream->switching)
        return MP_FAULT_SSL_STARTED;
    if (stream->flags & FLAG_PIPE)
        return MP_FAULT_UNSUPPORTED;
    const mp_tls_configuration *configuration = extras->configuration;
    if (mode == MP_SSL_SERVER_MODE && (!configuration || !mp_tls_configuration_can_serve(configuration))) {
        mp_tls_say(message, "a server needs a certificate");
        return MP_FAULT_SSL_USER_DATA;
    }
    (void)mp_stream_flush(stream);
    if (stream->state != MP_STATE_CONNECTED)
        return MP_FAULT_NOT_CONNECTED;
    if (stream->out.bytes == 0)
        return switch_now(stream, mode, message);
    stream->switching = true;
    extras->starting = (uint8_t)mode;
    return MP_FAULT_NONE;
}

static void step(mp_object *object, int number) {
    mp_stream *stream = (mp_stream *)object;
    mp_tls_message message;
    if (number == STEP_JUDGE) {
        mp_tls_judge(stream);
    } else if (number == STEP_ASK) {
        mp_tls_ask_for_name(stream);
    } else if (number != STEP_SWITCH) {
        mp_tcp_socket_step(object, number);
    } else if (stream->switching && stream->out.bytes == 0 && stream->state == MP_STATE_CONNECTED) {
        stream->switching = false;
        enum mp_fault fault = switch_now(stream, (enum mp_ssl_mode)mp_ssl_extras_of(stream)->starting,
                                         &message);
        if (fault != MP_FAULT_NONE)
            mp_stream_fail(stream, fault);
    }
}

enum mp_fault mp_ssl_socket_enter(mp_ssl_socket *socket, mp_tls_configuration *configuration,
                                  double timeout) {
    mp_stream *stream = &socket->tcp.stream;
    mp_tls_message message;
    if (mp_ssl_socket_set_handshake_timeout(socket, timeout) < 0 ||
        mp_ssl_socket_set_configuration(socket, configuration) < 0)
        return MP_FAULT_RESOURCE;
    enum mp_fault fault = attach(stream, MP_SSL_SERVER_MODE, &message);
    if (fault == MP_FAULT_NONE)
        begin_handshake(stream);
    return fault;
}
