/*
 * TCP sockets with QTcpSocket's state machine, on the loop. The header is the specification: what each call does, and
 * which signals follow from the loop. Differences from Qt are marked D1 to D15 as in the manual.
 *
 * A failing call returns the fault (MP_FAULT_NONE is 0 and means success) and changes nothing unless it says so.
 * Calls that may cause signals want the object held (mp_object_hold).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SOCKET_H
#define MP_TCP_SOCKET_H

#include "data/address.h"
#include "data/buffer.h"
#include "data/error.h"
#include "loop/loop.h"
#include "data/write_queue.h"

/* QAbstractSocket::SocketState, with Qt's numbers. */
/* clang-format off */
#define MP_SOCKET_STATES(X)                                                                        \
    X(UNCONNECTED, "UnconnectedState") X(HOST_LOOKUP, "HostLookupState") X(CONNECTING, "ConnectingState") \
    X(CONNECTED, "ConnectedState") X(BOUND, "BoundState") X(LISTENING, "ListeningState") X(CLOSING, "ClosingState")
/* clang-format on */

enum mp_socket_state {
#define X(name, lua_name) MP_STATE_##name,
    MP_SOCKET_STATES(X)
#undef X
        MP_STATE_COUNT
};

/* QIODeviceBase::OpenMode flags. */
enum mp_open_mode {
    MP_NOT_OPEN = 0,
    MP_READ_ONLY = 1,
    MP_WRITE_ONLY = 2,
    MP_READ_WRITE = 3,
    MP_APPEND = 4,
    MP_TRUNCATE = 8,
    MP_TEXT = 0x10,
    MP_UNBUFFERED = 0x20
};

/* QAbstractSocket::BindMode flags. */
enum mp_bind_mode { MP_BIND_DEFAULT = 0, MP_BIND_SHARE = 1, MP_BIND_DONT_SHARE = 2, MP_BIND_REUSE_HINT = 4 };

/* What bounds a connection. A server's are shared by its connections; a socket gets its own when one is set. */
typedef struct mp_limits {
    size_t read_buffer;     /* bytes, 0 = none */
    size_t write_buffer;    /* bytes, 0 = none */
    size_t high_water_mark; /* bytes, 0 = off */
    double idle_timeout;    /* milliseconds, 0 = none */
    bool half_open;
} mp_limits;

/* Those of a fresh server or socket. */
extern const mp_limits mp_default_limits;

typedef struct mp_listener mp_listener;
typedef struct mp_connect mp_connect;
typedef struct mp_socket_extras mp_socket_extras;

/* Private to host/ but for `object`, `state`, `fault`, `open_mode`, `bytes_read`, `bytes_sent` (read only). */
struct mp_tcp_socket {
    mp_object object;
    ev_io watcher; /* watcher.fd is the descriptor, -1 = none */
    /* In eight bytes: there are many sockets. */
    uint8_t state : 4; /* enum mp_socket_state */
    uint8_t phase : 4; /* private: how far a close has come */
    uint8_t open_mode;
    uint16_t peer_port;
    uint32_t flags : 24;
    uint32_t fault : 8; /* the last one */
    mp_tcp_socket *next_dirty;
    mp_buffer *in; /* unread bytes: its own, the loop's input buffer while its readyRead runs, or NULL */
    mp_write_queue out;
    mp_listener *listener; /* of an accepted connection */
    mp_ring link;          /* among the listener's connections, or the outgoing ones */
    mp_address peer;
    mp_socket_extras *extras; /* what few sockets need, or NULL */
    uint64_t bytes_read, bytes_sent;
};

/* --- life -------------------------------------------------------------------------------------------------------- */

/* By which an object tells its kind. */
extern const mp_behaviour mp_tcp_socket_behaviour;

/* A fresh socket: UnconnectedState, not open. */
void mp_tcp_socket_init(mp_tcp_socket *socket, mp_loop *loop);

/* Closes and frees everything at once; no upcall follows. */
void mp_tcp_socket_destroy(mp_tcp_socket *socket);

/* --- connecting and closing -------------------------------------------------------------------------------------- */

/*
 * QAbstractSocket::connectToHost. `host` is a literal address or a name; names are looked up with c-ares and their
 * addresses raced as RFC 8305 says (D15). Signals: stateChanged(HostLookup), stateChanged(Connecting), hostFound,
 * stateChanged(Connected), connected; or stateChanged(Unconnected), errorOccurred.
 * Faults: BUSY (also signalled) in any state but Unconnected and Bound; RESOURCE; HOST_NOT_FOUND for a literal of the
 * wrong family (signalled; the state is Unconnected).
 */
enum mp_fault mp_tcp_socket_connect(mp_tcp_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol);

/* Gives a connect in progress up because a wait for it has timed out: stateChanged(Unconnected) only, as in Qt. */
void mp_tcp_socket_connect_timed_out(mp_tcp_socket *socket);

/* QAbstractSocket::disconnectFromHost: what is queued is sent first (ClosingState), buffered input stays readable. */
void mp_tcp_socket_disconnect(mp_tcp_socket *socket);

/* QAbstractSocket::abort: closes at once, drops both buffers. */
void mp_tcp_socket_abort(mp_tcp_socket *socket);

/* Ends a connection that failed with `fault`: errorOccurred(fault) while it is still Connected, then the signals of a close.
   Drops what was to be sent; unread input stays. */
void mp_tcp_socket_fail(mp_tcp_socket *socket, enum mp_fault fault);

/* QIODevice::close: drops the input, then disconnectFromHost. */
void mp_tcp_socket_close(mp_tcp_socket *socket);

/* QAbstractSocket::bind; only from UnconnectedState. Signals stateChanged(Bound), or errorOccurred on failure. */
enum mp_fault mp_tcp_socket_bind(mp_tcp_socket *socket, const mp_address *address, uint16_t port,
                                 int bind_mode);

/* QAbstractSocket::setSocketDescriptor: adopts a stream descriptor, which is closed with the socket from now on. */
enum mp_fault mp_tcp_socket_set_descriptor(mp_tcp_socket *socket, int fd, enum mp_socket_state state,
                                           int open_mode);

/* The server of an accepted socket, or NULL. */
mp_tcp_server *mp_tcp_socket_server(const mp_tcp_socket *socket);

/* Does it still wait for nextPendingConnection? */
bool mp_tcp_socket_is_pending(const mp_tcp_socket *socket);

/* Ends the tie to the server that accepted it; for the owner, in the release upcall. */
void mp_tcp_socket_detach(mp_tcp_socket *socket);

/* The descriptor, -1 if there is none (also while connecting). */
int mp_tcp_socket_descriptor(const mp_tcp_socket *socket);

/* QIODevice::open: clears both buffers and the error. */
void mp_tcp_socket_open(mp_tcp_socket *socket, int open_mode);

/* Has it had a connection since it was opened? */
bool mp_tcp_socket_was_connected(const mp_tcp_socket *socket);

/* Has open been called, since when it was neither connected nor closed? */
bool mp_tcp_socket_was_opened(const mp_tcp_socket *socket);

/* Called when a handler that was at work on the socket has ended: a close may have waited for it (D4). */
void mp_tcp_socket_handler_ended(mp_tcp_socket *socket);

/* Has the peer finished sending (or the connection ended)? Then no further byte comes. */
bool mp_tcp_socket_at_end(const mp_tcp_socket *socket);

/* Has the peer finished sending, as far as is known, whether or not that has been signalled? */
bool mp_tcp_socket_read_ended(const mp_tcp_socket *socket);

/* Has its last attempt to connect come to nothing? */
bool mp_tcp_socket_connect_failed(const mp_tcp_socket *socket);

/* May its input be signalled: is it connected, or closing because the peer has finished? */
bool mp_tcp_socket_is_receiving(const mp_tcp_socket *socket);

/* Why there is no connection, or no more to read: the last error if it ended or prevented one; REMOTE_CLOSED where the peer has
   finished a connection that is half-open; else NOT_CONNECTED. */
enum mp_fault mp_tcp_socket_end_fault(const mp_tcp_socket *socket);

/* Null and port 0 unless bound or connected; still known while the closing signals are delivered. */
void mp_tcp_socket_local_address(mp_tcp_socket *socket, mp_address *address, uint16_t *port);
void mp_tcp_socket_peer_address(const mp_tcp_socket *socket, mp_address *address, uint16_t *port);

/* The name given to connect, "" if none. */
const char *mp_tcp_socket_peer_name(const mp_tcp_socket *socket);

/* Is the device valid, in QAbstractSocket::isValid's sense? */
bool mp_tcp_socket_is_valid(const mp_tcp_socket *socket);

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* For the upcall `arrived`: the next socket that has received something, whose handlers are to run on it; NULL: there is none. What
   those of the socket before left unread becomes that socket's own. `receiver` is the last one, or NULL if it is destroyed. */
mp_tcp_socket *mp_tcp_socket_next_arrival(mp_loop *loop);

/* Unread bytes, in one piece, valid until the next call on the socket; *size may be 0. */
const char *mp_tcp_socket_peek(const mp_tcp_socket *socket, size_t *size);

/* The size of the first unread line with its newline, or 0; asked again, it looks only at what has come since. */
size_t mp_tcp_socket_line(const mp_tcp_socket *socket);

/* Takes the first `size` of them away, or all if there are fewer (keeps them for rollback within a transaction); reading
   resumes if it rested. */
void mp_tcp_socket_consume(mp_tcp_socket *socket, size_t size);

/* May whoever reads all that is unread keep the memory it lies in? It is the loop's input buffer, and nobody else's bytes are
   left in it. */
bool mp_tcp_socket_may_keep_input(const mp_tcp_socket *socket);

/* Has it all read, and leaves the memory to the caller; the loop goes on with `next`. Only where it may. */
void mp_tcp_socket_keep_input(mp_tcp_socket *socket, mp_buffer *next);

/* Puts a byte in front. 0, or -ENOMEM, or -EBUSY within a transaction. */
int mp_tcp_socket_unget(mp_tcp_socket *socket, char c);

/* QIODevice's transactions; each returns 0, or -EINVAL where Qt warns (nested start, end without start). */
int mp_tcp_socket_start_transaction(mp_tcp_socket *socket);
int mp_tcp_socket_commit_transaction(mp_tcp_socket *socket);
int mp_tcp_socket_rollback_transaction(mp_tcp_socket *socket);
bool mp_tcp_socket_in_transaction(const mp_tcp_socket *socket);

/* --- writing ----------------------------------------------------------------------------------------------------- */

/*
 * Queues `size` bytes; they leave when the running handler has returned or waits, and so have those of its batch (loop.h).
 * Taken in HostLookup, Connecting, Connected and Closing. `token` MP_COPY copies; with MP_BORROW data stays valid until the upcall
 * `flushed`, for which the owner has set the loop's `lends`; otherwise until unpin(token).
 * Faults: NOT_OPEN, READ_ONLY, NOT_CONNECTED, WRITE_CHANNEL_CLOSED, WRITE_BUFFER_FULL, RESOURCE; none is signalled.
 */
enum mp_fault mp_tcp_socket_write(mp_tcp_socket *socket, const char *data, size_t size, int token);

/* The fault that write would return for `size` bytes now; MP_FAULT_NONE: it would take them, if there is memory. */
enum mp_fault mp_tcp_socket_can_write(const mp_tcp_socket *socket, size_t size);

/*
 * QProcess::closeWriteChannel, for sockets: no more is written; the peer sees the end behind what is queued (while
 * connecting: behind what is sent then). Reading goes on; the connection closes by itself when the peer ends too.
 * A pipe has one side only: opened WriteOnly it is closed as by disconnect. Harmless when done already.
 * Faults: NOT_CONNECTED; UNSUPPORTED (a pipe that is read).
 */
enum mp_fault mp_tcp_socket_close_write_channel(mp_tcp_socket *socket);

/* Has closeWriteChannel been called on this connection? */
bool mp_tcp_socket_write_channel_closed(const mp_tcp_socket *socket);

/* Sends now what the system takes; true if anything was sent. */
bool mp_tcp_socket_flush(mp_tcp_socket *socket);

/* --- limits and options ------------------------------------------------------------------------------------------ */

/* Its limits: its own, or its server's, or the defaults. */
const mp_limits *mp_tcp_socket_limits(const mp_tcp_socket *socket);

/* The socket's own limits, to be changed in place and then applied; NULL: no memory. */
mp_limits *mp_tcp_socket_own_limits(mp_tcp_socket *socket);

/* Takes changed limits into account. Returns 0 or -ENOMEM (idle time-out). */
int mp_tcp_socket_apply_limits(mp_tcp_socket *socket);

/* QAbstractSocket::SocketOption by name; see socket_option.c. -ENOENT: no such option, -EBADF: no descriptor yet. */
int mp_socket_option_find(const char *name);
const char *mp_socket_option_name(int option);
int mp_tcp_socket_set_option(mp_tcp_socket *socket, int option, int value);
int mp_tcp_socket_option(const mp_tcp_socket *socket, int option, int *value);

#endif
