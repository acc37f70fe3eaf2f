/*
 * What the files of the TCP socket and the TCP server share among themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SOCKET_PRIVATE_H
#define MP_TCP_SOCKET_PRIVATE_H

#include "net/idle.h"
#include "net/tcp_socket.h"

/* mp_tcp_socket.flags */
enum {
    FLAG_PLAIN = 1 << 0, /* the descriptor is no socket (a FIFO): read and write instead of recv and send */
    FLAG_DIRTY = 1 << 1, /* on the loop's dirty list */
    FLAG_SHORT_WRITE = 1 << 2, /* the system took only a part: wait until it takes more */
    FLAG_TRANSACTION = 1 << 3,
    FLAG_READ_ENDED = 1 << 4,      /* the peer has finished sending, or reading failed */
    FLAG_WRITE_FAILED = 1 << 5,    /* nothing can be sent any more; the end comes with the read side */
    FLAG_THROTTLED = 1 << 6,       /* not read while its own output is over the high-water mark (D10) */
    FLAG_LIMIT_LOGGED = 1 << 7,    /* the log tells of a full read buffer once */
    FLAG_READ_FULL = 1 << 8,       /* not read while the read buffer is full */
    FLAG_CLOSE_CONNECTED = 1 << 9, /* close as soon as connected */
    FLAG_PENDING = 1 << 10,        /* waits for nextPendingConnection */
    FLAG_FINAL = 1 << 11, /* the closing signals are on their way: addresses are kept for their handlers */
    FLAG_FINISHED_TOLD = 1 << 12, /* readChannelFinished has been signalled */
    FLAG_COUNTED = 1 << 13,       /* counted in statistics.connections */
    FLAG_OWN_LIMITS = 1 << 14,
    FLAG_WAS_CONNECTED = 1 << 15,   /* since it was opened */
    FLAG_KEEP_DESCRIPTOR = 1 << 16, /* adopted or bound before connecting: connects on its own descriptor */
    FLAG_WRITE_CLOSED = 1 << 17,    /* takes no more writes; the peer is told so when the queue is empty */
    FLAG_UNANNOUNCED = 1 << 18, /* `connected` is still to be delivered; what is queued is sent behind it */
    FLAG_ARRIVED = 1 << 19,     /* among the loop's arrivals */
    FLAG_OPENED = 1 << 20       /* by a call of open, since when nothing was connected or closed */
};

/* For `socket->flags &= ALL_BUT(…)`; the field has 24 bits. */
#define ALL_BUT(flags) (0xffffffu & ~(uint32_t)(flags))

/* Steps of a socket's own in the loop's queue (mp_loop_defer); 0 is taken. */
enum {
    STEP_ATTEMPT = 1,
    STEP_CONNECTED,
    STEP_ANNOUNCED,
    STEP_CLOSE_CONNECTED,
    STEP_CLOSING,
    STEP_CLOSE,
    STEP_FORGET
};

/* mp_tcp_socket.phase: how it is being closed. After the peer's FIN handlers may still answer (D4); a local close and a
   broken connection don't wait for them. */
enum { PHASE_OPEN, PHASE_REMOTE_CLOSE, PHASE_BROKEN, PHASE_LOCAL_CLOSE };

struct mp_socket_extras {
    mp_limits limits;    /* if FLAG_OWN_LIMITS */
    mp_connect *connect; /* a connect in progress */
    char *peer_name;
    mp_address local; /* kept for the closing signals */
    uint16_t local_port;
    mp_idle idle;
    mp_tcp_socket *idle_socket; /* whose it is */
};

/* The extras, made at first use; NULL: no memory. */
mp_socket_extras *mp_tcp_socket_need_extras(mp_tcp_socket *socket);

/* --- tcp_socket.c --- */

/* Takes over the connection `fd` that `listener` accepted; no signal. */
void mp_tcp_socket_accepted(mp_tcp_socket *socket, mp_listener *listener, int fd);

/* The state and its signal. */
void mp_tcp_socket_set_state(mp_tcp_socket *socket, enum mp_socket_state state);

/* Begins, or begins anew, to fail the socket with IDLE_TIMEOUT `msec` after its last byte; 0 ends that. Returns 0 or
   -ENOMEM. */
int mp_tcp_socket_watch_idle(mp_tcp_socket *socket, double msec);

/* Starts to read and write on `fd`: the connection is there. */
void mp_tcp_socket_established(mp_tcp_socket *socket, int fd);

/* Arms the watcher for what the socket wants now; cheap if nothing changed. */
void mp_tcp_socket_update_watcher(mp_tcp_socket *socket);

/* The peer has gone (FIN, RST, failed write): begins the close of the reference's section 3.3. */
void mp_tcp_socket_remote_closed(mp_tcp_socket *socket, enum mp_fault fault, bool orderly);

/* Neither side sends any more: the close that the peer's end brings where half-open mode doesn't keep it. */
void mp_tcp_socket_both_ended(mp_tcp_socket *socket);

/* Ends a socket that nobody has taken: no signal. */
void mp_tcp_socket_vanish(mp_tcp_socket *socket);

/* Stops everything and closes the descriptor; `gently` lets the system deliver what it has taken. No signal. */
void mp_tcp_socket_shut(mp_tcp_socket *socket, bool gently);

/* --- tcp_socket_descriptor.c --- */
void mp_tcp_socket_forget_addresses(mp_tcp_socket *socket);

/* --- tcp_socket_read.c --- */

/* Receives, and leaves what came among the loop's arrivals, where there is room for one more. */
void mp_tcp_socket_on_readable(mp_tcp_socket *socket);

/* Must what has arrived be delivered before anything else is received? */
bool mp_tcp_socket_is_batch_full(const mp_loop *loop);

/* Runs the handlers of what has arrived, in that order, and sends what they wrote (mp_loop_settle). */
void mp_tcp_socket_deliver(mp_loop *loop);

/* Drops what has arrived for the socket: it has a FLAG_ARRIVED, and its descriptor goes. */
void mp_tcp_socket_drop_arrival(mp_tcp_socket *socket);

/* Drops what nobody has read, and the buffer with it. */
void mp_tcp_socket_drop_input(mp_tcp_socket *socket);

/* Does the read buffer take more before it reaches its bound? */
bool mp_tcp_socket_has_room(const mp_tcp_socket *socket);

/* --- tcp_socket_write.c --- */
void mp_tcp_socket_on_writable(mp_tcp_socket *socket);
void mp_tcp_socket_flush_dirty(mp_tcp_socket *socket);

/* Drops what is queued; the socket doesn't wait to send any more, nor with reading for that. */
void mp_tcp_socket_drop_output(mp_tcp_socket *socket);

/* Ends the sending side of a connection whose script has closed it and whose queue is empty. */
void mp_tcp_socket_end_writing(mp_tcp_socket *socket);

/* --- tcp_socket_connect.c --- */

/* Gives a connect in progress up; no signal. */
void mp_tcp_socket_cancel_connect(mp_tcp_socket *socket);

/* How many sockets are connecting that have something to send. */
uint64_t mp_connect_unsent(const mp_loop *loop);

/* STEP_ATTEMPT: begins with the addresses of a literal. */
void mp_tcp_socket_attempt(mp_tcp_socket *socket);

/* --- tcp_server.c --- */

/* The connection has ended: it no longer counts among its listener's (it stays attached, and pending if it was). */
void mp_listener_remove(mp_tcp_socket *socket, bool also_pending);

/* Ends the rest of a server that was out of descriptors or memory, if it is one; update follows. */
void mp_tcp_server_forget_starved(mp_tcp_server *server);

/* A descriptor was closed: servers that ran out of them may try again. */
void mp_listener_descriptor_freed(mp_loop *loop);

#endif
