/*
 * TCP sockets: streams with addresses, and a way to connect. What every stream has (reading, writing,
 * closing, limits) is in stream.h and the headers beside it. The header is the specification, as there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SOCKET_H
#define MP_TCP_SOCKET_H

#include "data/local_name.h"
#include "net/stream.h"

/* QAbstractSocket::BindMode flags. */
enum mp_bind_mode { MP_BIND_DEFAULT = 0, MP_BIND_SHARE = 1, MP_BIND_DONT_SHARE = 2, MP_BIND_REUSE_HINT = 4 };

/* Private to host/. The peer's port is the stream's `port`. */
typedef struct mp_tcp_socket {
    mp_stream stream; /* first */
    mp_address peer;
} mp_tcp_socket;

/* Identifies an object as a TCP socket. */
extern const mp_stream_class mp_tcp_socket_class;

/* Makes a socket: UnconnectedState, not open. */
void mp_tcp_socket_init(mp_tcp_socket *socket, mp_network *network);

/*
 * QAbstractSocket::connectToHost. `host` is a literal address or a name. Names are looked up with c-ares, and
 * their addresses race by RFC 8305 (D15). Signals: stateChanged(HostLookup), stateChanged(Connecting),
 * hostFound, stateChanged(Connected), connected; or stateChanged(Unconnected), errorOccurred. Faults: BUSY
 * (also signalled) in any state except Unconnected and Bound; RESOURCE; HOST_NOT_FOUND for a literal of the
 * wrong family (signalled; the state is Unconnected).
 */
enum mp_fault mp_tcp_socket_connect(mp_tcp_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol);

/* The same to a Unix-domain socket. Signals: stateChanged(Connecting), stateChanged(Connected), connected; or
   stateChanged(Connecting), stateChanged(Unconnected), errorOccurred. Faults: BUSY, RESOURCE. */
enum mp_fault mp_tcp_socket_connect_local(mp_tcp_socket *socket, const mp_local_name *name, int open_mode);

/* A connect that can't even begin: stateChanged(Connecting), stateChanged(Unconnected), errorOccurred(fault),
   which is returned; from UnconnectedState. */
enum mp_fault mp_tcp_socket_refuse_connect(mp_tcp_socket *socket, enum mp_fault fault);

/* Cancels a connect in progress, after a wait for it has timed out: only stateChanged(Unconnected), as in
   Qt. */
void mp_tcp_socket_connect_timed_out(mp_tcp_socket *socket);

/* QAbstractSocket::bind; only from UnconnectedState. Signals stateChanged(Bound), or errorOccurred on
   failure. */
enum mp_fault mp_tcp_socket_bind(mp_tcp_socket *socket, const mp_address *address, uint16_t port,
                                 int bind_mode);

/* True if a descriptor can be adopted with this state. From the other states no transition exists. */
static inline bool mp_tcp_socket_can_adopt_as(enum mp_socket_state state) {
    return state == MP_STATE_UNCONNECTED || state == MP_STATE_BOUND || state == MP_STATE_CONNECTED;
}

/* QAbstractSocket::setSocketDescriptor: adopts a stream descriptor, which from now on is closed with the
   socket. mp_tcp_socket_can_adopt_as(`state`) must be true. */
enum mp_fault mp_tcp_socket_set_descriptor(mp_tcp_socket *socket, int fd, enum mp_socket_state state,
                                           int open_mode);

/* Null and port 0 unless bound or connected; still known while the closing signals are delivered. */
void mp_tcp_socket_local_address(mp_tcp_socket *socket, mp_address *address, uint16_t *port);
void mp_tcp_socket_peer_address(const mp_tcp_socket *socket, mp_address *address, uint16_t *port);

/* The name given to connect, "" if none. */
const char *mp_tcp_socket_peer_name(const mp_tcp_socket *socket);

/* An option of socket_option.h. While connecting, it is stored for later descriptors, and
   mp_tcp_socket_option returns the stored value. Returns 0, -EBADF without a descriptor, or another
   -errno. */
int mp_tcp_socket_set_option(mp_tcp_socket *socket, int option, int value);
int mp_tcp_socket_option(const mp_tcp_socket *socket, int option, int *value);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Sets up a fresh socket of a class that is based on this one. */
void mp_tcp_socket_init_as(mp_tcp_socket *socket, mp_network *network, const mp_stream_class *as);

/* The parts of mp_tcp_socket_class, for such a class; its own steps have numbers from 8. */
void mp_tcp_socket_step(mp_object *object, int number);
void mp_tcp_socket_wind_down(mp_object *object);
void mp_tcp_socket_leave(mp_stream *stream);
void mp_tcp_socket_remember(mp_stream *stream);
void mp_tcp_socket_forget(mp_stream *stream);
void mp_tcp_socket_free_extras(mp_stream_extras *extras);

/* Sets where an accepted connection came from. */
void mp_tcp_socket_set_peer(mp_tcp_socket *socket, const mp_address *address, uint16_t port);

#endif
