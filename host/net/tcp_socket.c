/*
 * TCP sockets: what a stream of this class has in addition (addresses, a connect in progress), and
 * connecting. Binding and adopting are in tcp_socket_descriptor.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket.h"

#include <stdlib.h>
#include <string.h>

#include "net/connector.h"
#include "net/descriptor.h"
#include "net/listener.h"
#include "net/socket_option.h"
#include "net/stream_input.h"
#include "net/tcp_socket_extras.h"
#include "system/system.h"

/* A socket's own step in the loop's queue: the attempts of a connect start after the signals that are
   queued. */
enum { STEP_ATTEMPT = 1 };

/* --- the class ------------------------------------------------------------------------------------------ */

void mp_tcp_socket_leave(mp_stream *stream) {
    mp_tcp_extras *extras = mp_tcp_socket_extras((mp_tcp_socket *)stream);
    if (!extras)
        return;
    mp_connector_free(extras->connector);
    extras->connector = NULL;
}

void mp_tcp_socket_remember(mp_stream *stream) {
    mp_tcp_extras *extras = (mp_tcp_extras *)mp_stream_need_extras(stream);
    if (extras && mp_system_local_address(stream->watcher.fd, &extras->local, &extras->local_port) < 0)
        mp_address_set_null(&extras->local);
}

void mp_tcp_socket_forget(mp_stream *stream) {
    mp_tcp_socket *socket = (mp_tcp_socket *)stream;
    mp_tcp_extras *extras = mp_tcp_socket_extras(socket);
    stream->flags &= ALL_BUT(FLAG_FINAL);
    mp_address_set_null(&socket->peer);
    stream->port = 0;
    if (extras) {
        mp_address_set_null(&extras->local);
        extras->local_port = 0;
    }
}

void mp_tcp_socket_free_extras(mp_stream_extras *extras) {
    free(((mp_tcp_extras *)extras)->peer_name);
}

void mp_tcp_socket_step(mp_object *object, int number) {
    mp_tcp_extras *extras = mp_tcp_socket_extras((mp_tcp_socket *)object);
    if (number != STEP_ATTEMPT)
        mp_stream_step(object, number);
    else if (extras && extras->connector)
        mp_connector_attempt(extras->connector);
}

void mp_tcp_socket_wind_down(mp_object *object) {
    mp_stream_disconnect((mp_stream *)object);
}

const mp_stream_class mp_tcp_socket_class = {
    .behaviour = {MP_TCP_SOCKET, mp_stream_is_active, mp_tcp_socket_step, NULL, mp_tcp_socket_wind_down},
    .extras_size = sizeof(mp_tcp_extras),
    .leave = mp_tcp_socket_leave,
    .remember = mp_tcp_socket_remember,
    .forget = mp_tcp_socket_forget,
    .free_extras = mp_tcp_socket_free_extras,
};

void mp_tcp_socket_init(mp_tcp_socket *socket, mp_network *network) {
    mp_tcp_socket_init_as(socket, network, &mp_tcp_socket_class);
}

void mp_tcp_socket_init_as(mp_tcp_socket *socket, mp_network *network, const mp_stream_class *as) {
    mp_stream_init(&socket->stream, network, as);
    mp_address_set_null(&socket->peer);
}

void mp_tcp_socket_set_peer(mp_tcp_socket *socket, const mp_address *address, uint16_t port) {
    socket->peer = *address;
    socket->stream.port = port;
}

/* --- connecting ----------------------------------------------------------------------------------------- */

/* A connect has failed: stateChanged(Unconnected), errorOccurred. */
static void connect_failed(mp_stream *stream, enum mp_fault fault, bool signal_error) {
    mp_network *network = mp_stream_network(stream);
    mp_tcp_socket_leave(stream);
    mp_stream_release_carrier(stream);
    mp_write_queue_clear(&stream->out, &network->chunks);
    if (stream->watcher.fd >= 0) {
        mp_descriptor_close(network, stream->watcher.fd);
        ev_io_set(&stream->watcher, -1, 0);
    }
    stream->flags &= KEPT_ALWAYS | FLAG_TRANSACTION;
    stream->fault = (uint8_t)fault;
    mp_stream_set_state(stream, MP_STATE_UNCONNECTED);
    if (signal_error)
        mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    mp_object_check(&stream->object);
}

void mp_tcp_socket_connect_timed_out(mp_tcp_socket *socket) {
    if (mp_stream_is_connecting(&socket->stream))
        connect_failed(&socket->stream, MP_FAULT_SOCKET_TIMEOUT, false);
}

/* The first attempt starts after the signals. */
static void found(mp_stream *stream) {
    mp_stream_set_state(stream, MP_STATE_CONNECTING);
    mp_object_emit(&stream->object, MP_SIGNAL_HOST_FOUND, 0);
    mp_object_defer(&stream->object, STEP_ATTEMPT);
}

/* 0.0.0.0 and :: mean this host; the system knows the address that it used. */
static void note_peer(mp_tcp_socket *socket, int fd, const mp_address *address) {
    uint16_t port = mp_connector_port(mp_tcp_socket_extras(socket)->connector);
    mp_address peer = *address;
    uint32_t ipv4;
    if (mp_address_to_ipv4(&peer, &ipv4) == 0 && ipv4 == 0 && mp_system_peer_address(fd, &peer, &port) < 0)
        peer = *address;
    mp_tcp_socket_set_peer(socket, &peer, port);
}

static void done(mp_stream *stream, int fd, const mp_address *address, enum mp_fault fault) {
    mp_network *network = mp_stream_network(stream);
    if (fd < 0) {
        connect_failed(stream, fault, true);
        return;
    }
    if (address)
        note_peer((mp_tcp_socket *)stream, fd, address);
    mp_tcp_socket_leave(stream);
    network->traffic.connected++;
    stream->state = MP_STATE_CONNECTED;
    /* Started too late: it may send what was written, and nothing more. */
    if (network->winding_down)
        stream->flags |= FLAG_CLOSE_CONNECTED;
    if (mp_stream_establish(stream, fd))
        mp_stream_announce(stream);
}

static const mp_connector_owner connector_owner = {found, done};

/* Makes the connector and stores the name, before anything has changed; NULL: no memory. */
static mp_connector *new_connector(mp_stream *stream, const char *host, uint16_t port) {
    bool keeps = (stream->flags & FLAG_KEEP_DESCRIPTOR) && stream->watcher.fd >= 0;
    mp_tcp_extras *extras = (mp_tcp_extras *)mp_stream_need_extras(stream);
    char *name = strdup(host);
    mp_connector *connector = NULL;
    if (!extras || !name ||
        mp_connector_new(stream, mp_stream_network(stream), &connector_owner, port,
                         keeps ? stream->watcher.fd : -1, &connector) < 0) {
        free(name);
        return NULL;
    }
    free(extras->peer_name);
    extras->peer_name = name;
    return connector;
}

/* A connect to `host` begins: the stream is as a fresh one. */
static enum mp_fault begin(mp_stream *stream, const char *host, uint16_t port, int open_mode) {
    if (stream->state != MP_STATE_UNCONNECTED && stream->state != MP_STATE_BOUND) {
        stream->fault = MP_FAULT_BUSY;
        mp_object_emit(&stream->object, MP_SIGNAL_ERROR_OCCURRED, MP_FAULT_BUSY);
        return MP_FAULT_BUSY;
    }
    mp_connector *connector = new_connector(stream, host, port);
    if (!connector) {
        mp_stream_release_carrier(stream);
        mp_object_check(&stream->object);
        return MP_FAULT_RESOURCE;
    }
    mp_stream_detach(stream);
    mp_write_queue_clear(&stream->out, &mp_stream_network(stream)->chunks);
    mp_stream_drop_input(stream);
    mp_tcp_socket_forget(stream);
    stream->flags &= KEPT_ALWAYS | FLAG_KEEP_DESCRIPTOR | FLAG_PIPE | FLAG_CARRIED;
    mp_stream_clear_fault(stream);
    stream->open_mode = (uint8_t)open_mode;
    if (mp_stream_class_of(stream)->connecting)
        mp_stream_class_of(stream)->connecting(stream);
    mp_tcp_socket_extras((mp_tcp_socket *)stream)->connector = connector;
    return MP_FAULT_NONE;
}

/* It has begun, or it can't. */
static enum mp_fault begun(mp_stream *stream, int result) {
    if (result == 0)
        return MP_FAULT_NONE;
    enum mp_fault fault = mp_fault_from_errno(MP_ATTEMPT_LOOKUP, -result);
    connect_failed(stream, fault, true);
    return fault;
}

enum mp_fault mp_tcp_socket_connect(mp_tcp_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol) {
    mp_stream *stream = &socket->stream;
    enum mp_fault fault = begin(stream, host, port, open_mode);
    if (fault != MP_FAULT_NONE)
        return fault;
    mp_stream_set_state(stream, MP_STATE_HOST_LOOKUP);
    return begun(stream, mp_connector_start(mp_tcp_socket_extras(socket)->connector, host, protocol));
}

enum mp_fault mp_tcp_socket_connect_local(mp_tcp_socket *socket, const mp_local_name *name, int open_mode) {
    mp_stream *stream = &socket->stream;
    char text[MP_LOCAL_TEXT];
    mp_local_name_format(name, text);
    enum mp_fault fault = begin(stream, text, 0, open_mode);
    if (fault != MP_FAULT_NONE)
        return fault;
    mp_stream_set_state(stream, MP_STATE_CONNECTING);
    int result = mp_connector_start_local(mp_tcp_socket_extras(socket)->connector, name);
    if (result == 0)
        mp_object_defer(&stream->object, STEP_ATTEMPT);
    return begun(stream, result);
}

enum mp_fault mp_tcp_socket_refuse_connect(mp_tcp_socket *socket, enum mp_fault fault) {
    assert(socket->stream.state == MP_STATE_UNCONNECTED);
    mp_stream_set_state(&socket->stream, MP_STATE_CONNECTING);
    connect_failed(&socket->stream, fault, true);
    return fault;
}

/* --- addresses ------------------------------------------------------------------------------------------ */

/* True while the closing signals are delivered, whose handlers may ask for the former addresses. */
static bool is_final(const mp_stream *stream) {
    return (stream->flags & FLAG_FINAL) && stream->object.delivering;
}

void mp_tcp_socket_local_address(mp_tcp_socket *socket, mp_address *address, uint16_t *port) {
    const mp_stream *stream = &socket->stream;
    const mp_tcp_extras *extras = mp_tcp_socket_extras(socket);
    mp_address_set_null(address);
    *port = 0;
    if (stream->watcher.fd >= 0 && stream->state != MP_STATE_UNCONNECTED) {
        if (mp_system_local_address(stream->watcher.fd, address, port) < 0)
            mp_address_set_null(address);
    } else if (is_final(stream) && extras && extras->local_port != 0) {
        *address = extras->local;
        *port = extras->local_port;
    }
}

void mp_tcp_socket_peer_address(const mp_tcp_socket *socket, mp_address *address, uint16_t *port) {
    const mp_stream *stream = &socket->stream;
    mp_address_set_null(address);
    *port = 0;
    if (stream->state != MP_STATE_UNCONNECTED || is_final(stream)) {
        *address = socket->peer;
        *port = stream->port;
    }
}

const char *mp_tcp_socket_peer_name(const mp_tcp_socket *socket) {
    const mp_tcp_extras *extras = mp_tcp_socket_extras(socket);
    return extras && extras->peer_name ? extras->peer_name : "";
}

/* --- options -------------------------------------------------------------------------------------------- */

/* A connect in progress whose descriptors may not exist yet, or NULL. */
static mp_connector *racing(const mp_tcp_socket *socket) {
    const mp_tcp_extras *extras = mp_tcp_socket_extras(socket);
    return socket->stream.watcher.fd < 0 && extras ? extras->connector : NULL;
}

int mp_tcp_socket_set_option(mp_tcp_socket *socket, int option, int value) {
    mp_connector *connector = racing(socket);
    return connector ? mp_connector_set_option(connector, option, value)
                     : mp_socket_option_set(socket->stream.watcher.fd, option, value);
}

int mp_tcp_socket_option(const mp_tcp_socket *socket, int option, int *value) {
    const mp_connector *connector = racing(socket);
    return connector ? mp_connector_option(connector, option, value)
                     : mp_socket_option_get(socket->stream.watcher.fd, option, value);
}
