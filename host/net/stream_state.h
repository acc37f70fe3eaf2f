/*
 * A stream's structure, its state, and what it wants from the poll. The other parts of a stream
 * (stream_input, stream_output, stream, stream_limits) are above this one; the class of a connected stream (a
 * TcpSocket) is above them all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_STREAM_STATE_H
#define MP_STREAM_STATE_H

#include "data/address.h"
#include "data/buffer.h"
#include "data/error.h"
#include "data/write_queue.h"
#include "net/idle.h"
#include "net/mover.h"
#include "net/network.h"
#include "net/transport.h"

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
    MP_UNBUFFERED = 0x20,
    MP_MOVED = 0x40 /* not Qt's: a mover moves its bytes, see mover.h */
};

/* The limits of a connection. Connections share their server's limits; a stream gets its own when one is
   set. */
typedef struct mp_limits {
    size_t read_buffer;     /* bytes, 0 = none */
    size_t write_buffer;    /* bytes, 0 = none */
    size_t high_water_mark; /* bytes, 0 = off */
    double idle_timeout;    /* milliseconds, 0 = none */
    bool half_open;
    uint8_t idle_ignores; /* enum mp_idle_way: directions whose bytes don't count */
} mp_limits;

/* The limits of a new server or stream. */
extern const mp_limits mp_default_limits;

typedef struct mp_listener mp_listener;
typedef struct mp_stream_extras mp_stream_extras;

/* mp_stream.flags */
enum {
    FLAG_PIPE = 1 << 0,        /* the descriptor isn't a socket: transport_pipe.c */
    FLAG_DIRTY = 1 << 1,       /* on the network's dirty list */
    FLAG_SHORT_WRITE = 1 << 2, /* the system took only a part: wait until it takes more */
    FLAG_TRANSACTION = 1 << 3,
    FLAG_READ_ENDED = 1 << 4,      /* the peer has finished sending, or reading failed */
    FLAG_WRITE_FAILED = 1 << 5,    /* nothing can be sent any more; the end comes with the read side */
    FLAG_THROTTLED = 1 << 6,       /* not read while its own output is over the high-water mark (D10) */
    FLAG_LIMIT_LOGGED = 1 << 7,    /* the log names a full read buffer only once */
    FLAG_READ_FULL = 1 << 8,       /* not read while the read buffer is full */
    FLAG_CLOSE_CONNECTED = 1 << 9, /* close as soon as connected */
    FLAG_PENDING = 1 << 10,        /* waits for nextPendingConnection */
    FLAG_FINAL = 1 << 11,          /* the closing signals are queued: addresses are kept for their handlers */
    FLAG_FINISHED_TOLD = 1 << 12,  /* readChannelFinished has been signalled */
    FLAG_COUNTED = 1 << 13,        /* counted in traffic.connections */
    FLAG_OWN_LIMITS = 1 << 14,
    FLAG_WAS_CONNECTED = 1 << 15,   /* since it was opened */
    FLAG_KEEP_DESCRIPTOR = 1 << 16, /* adopted or bound before connecting: connects on its own descriptor */
    FLAG_WRITE_CLOSED = 1 << 17,    /* takes no more writes; the peer is told after the queue is empty */
    FLAG_UNANNOUNCED = 1 << 18,     /* `connected` is not delivered yet; queued data is sent after it */
    FLAG_ARRIVED = 1 << 19,         /* among the network's arrivals */
    FLAG_OPENED = 1 << 20,          /* open was called, and since then nothing was connected or closed */
    FLAG_CARRIED = 1 << 21,         /* a transport in its extras carries it */
    FLAG_CONGESTED = 1 << 22,       /* on the network's list: the system had no memory for its bytes */
    FLAG_TOO_LONG = 1 << 23         /* READ_FULL with a line that doesn't fit, and nobody has read since */
};

/* For `stream->flags &= ALL_BUT(…)`; the field has 24 bits. */
#define ALL_BUT(flags) (0xffffffu & ~(uint32_t)(flags))

/* The flags that each occasion keeps. */
enum {
    KEPT_ALWAYS = FLAG_DIRTY | FLAG_OWN_LIMITS, /* membership of a list, and settings of the script */
    KEPT_OVER_ESTABLISH = KEPT_ALWAYS | FLAG_TRANSACTION | FLAG_CLOSE_CONNECTED | FLAG_PIPE | FLAG_PENDING |
                          FLAG_WRITE_CLOSED | FLAG_CARRIED,
    KEPT_OVER_SHUT = KEPT_ALWAYS | FLAG_TRANSACTION | FLAG_FINISHED_TOLD | FLAG_READ_ENDED | FLAG_PENDING |
                     FLAG_WAS_CONNECTED,
    RECEIVE_NOTHING = FLAG_READ_ENDED | FLAG_ARRIVED,
    DEAF = FLAG_READ_ENDED | FLAG_THROTTLED | FLAG_READ_FULL /* see mp_stream_is_deaf */
};

/* mp_stream.phase: how it is being closed. After the peer's FIN, handlers may still answer (D4); a local
   close and a broken connection don't wait for them. */
enum { PHASE_OPEN, PHASE_REMOTE_CLOSE, PHASE_BROKEN, PHASE_LOCAL_CLOSE };

/*
 * The outcome of a part of a stream; the state machine above it (stream.c) decides. BROKEN and END come with
 * a fault.
 */
enum mp_outcome { MP_GOING_ON, MP_NOTHING, MP_END, MP_BROKEN };

typedef struct mp_part_result {
    uint8_t outcome; /* enum mp_outcome */
    uint8_t fault;   /* enum mp_fault */
} mp_part_result;

/* A transport in use by a stream. */
typedef struct mp_carrier {
    const mp_transport *transport;
    void *state; /* the transport's own */
    enum { CARRIER_HANDSHAKING, CARRIER_OPEN, CARRIER_GONE } stage;
    enum { GOODBYE_UNSAID, GOODBYE_BEGUN, GOODBYE_SAID } goodbye;
    bool suspended;        /* nothing is called until mp_stream_end_suspension, or the congestion ends */
    uint8_t receive_waits; /* EV_READ | EV_WRITE that receiving waits for; 0: its own direction */
    uint8_t send_waits;
    uint8_t beside; /* what it wants from the poll, whatever the stream does */
    bool told;      /* it is broken, and has told the peer why */
    size_t offered; /* bytes at the head of the queue that it must be offered again */
    mp_ring soon;   /* in the network's `soon`, or in no ring */
} mp_carrier;

/* What few streams need. A class may have more members after it (mp_stream_class.extras_size). */
struct mp_stream_extras {
    mp_limits limits; /* if FLAG_OWN_LIMITS */
    mp_idle idle;
    mp_stream *stream;  /* the stream that has these */
    mp_carrier carrier; /* if FLAG_CARRIED */
    char *fault_text;   /* the transport's text for its fault, or NULL */
    uint8_t fault;      /* the fault of that text */
    mp_mover *mover;    /* if MP_MOVED */
};

/* The class of a stream: what depends on its kind, which the stream itself doesn't know. Static in its
   file. */
typedef struct mp_stream_class {
    mp_behaviour behaviour; /* first */
    size_t extras_size;     /* of its extras, which begin with an mp_stream_extras; zeroed at first */
    void (*leave)(mp_stream *stream);    /* stops a connect in progress */
    void (*remember)(mp_stream *stream); /* it ends: stores what handlers of its closing signals may ask */
    void (*forget)(mp_stream *stream);   /* those handlers have run */
    void (*free_extras)(mp_stream_extras *extras); /* frees what the extras refer to */
    /* Each of these may be NULL: */
    void (*connecting)(mp_stream *stream);         /* a connect begins */
    void (*announced)(mp_stream *stream);          /* a connect has succeeded: before `connected` */
    void (*opened)(mp_stream *stream);             /* the transport's handshake is done */
    void (*drained)(mp_stream *stream);            /* output that had to wait has left */
    void (*judges)(mp_stream *stream, int change); /* so many more handlers of sslErrors are at work on it */
    void (*refused)(mp_stream *stream);            /* it fails while it is `entering` */
    void (*dropped)(mp_stream *stream);            /* the device is closed, and its input is dropped */
    /* A class with these three isn't closed by stream.c, and has no `connected` and no states of a socket: */
    void (*ended)(mp_stream *stream, enum mp_fault fault, bool orderly); /* see mp_stream_remote_closed */
    /* By disconnect, abort or close; with `device`, the device is closed too: */
    void (*end)(mp_stream *stream, bool device);
    enum mp_fault (*own_fault)(const mp_stream *stream, enum mp_fault fault); /* what it calls such a fault */
} mp_stream_class;

/* Private to host/, except `object`, `state`, `fault`, `open_mode`, `listener`, `bytes_read`, `bytes_sent`
   (read only). */
struct mp_stream {
    mp_object object;
    ev_io watcher; /* watcher.fd is the descriptor, -1 = none; watcher.data is which connection it is, see
                      mp_stream_number */
    /* In eight bytes, because there are many streams. */
    uint8_t state : 3;  /* enum mp_socket_state */
    uint8_t phase : 2;  /* the progress of a close */
    bool entering : 1;  /* accepted, and pending only when its transport is open: see listener.h */
    bool switching : 1; /* a transport takes over when the queue is empty; it takes no writes */
    bool paused : 1;    /* by mp_stream_pause: it isn't read */
    uint8_t open_mode;
    uint16_t port; /* for use by its class */
    uint32_t flags : 24;
    uint32_t fault : 8; /* the last one */
    mp_stream *next_dirty;
    mp_buffer *in; /* unread bytes: its own, the network's input buffer while its readyRead runs, or NULL */
    mp_write_queue out;
    mp_listener *listener; /* of an accepted connection */
    mp_ring link;          /* in the listener's connections, or in the outgoing ones */
    mp_stream_extras *extras;
    uint64_t bytes_read, bytes_sent;
};

_Static_assert(sizeof(void *) == 8, "a pointer has the number of a connection and its time");

static inline mp_stream *mp_stream_of_watcher(ev_io *watcher) {
    return MP_CONTAINER(watcher, mp_stream, watcher);
}

/* The number of its connection, or of its last one: the first of the program is 1, and after 2^32 they begin
   again. 0: it has had none. The pointer that libev leaves to us has it, and the second in which the
   connection began. */
static inline uint32_t mp_stream_number(const mp_stream *stream) {
    return (uint32_t)((uintptr_t)stream->watcher.data >> 32);
}

/* When that was: seconds of mp_loop_now's clock. */
static inline uint32_t mp_stream_began(const mp_stream *stream) {
    return (uint32_t)(uintptr_t)stream->watcher.data;
}

static inline mp_network *mp_stream_network(const mp_stream *stream) {
    return mp_network_of(stream->object.loop);
}

static inline const mp_stream_class *mp_stream_class_of(const mp_stream *stream) {
    return (const mp_stream_class *)stream->object.behaviour;
}

/* True if it isn't read now. */
bool mp_stream_is_deaf(const mp_stream *stream);

/* What the class of the stream calls this fault. */
static inline enum mp_fault mp_stream_own_fault(const mp_stream *stream, enum mp_fault fault) {
    const mp_stream_class *class = mp_stream_class_of(stream);
    return class->own_fault ? class->own_fault(stream, fault) : fault;
}

/* The extras, allocated at first use; NULL: no memory. */
mp_stream_extras *mp_stream_need_extras(mp_stream *stream);

/* True if state, descriptor, flags and queue agree, as they do between calls; for assertions. */
bool mp_stream_is_sound(const mp_stream *stream);

/* Sets the state and emits its signal. */
void mp_stream_set_state(mp_stream *stream, enum mp_socket_state state);

/* The stream's mover; NULL: the script moves its bytes. */
static inline mp_mover *mp_stream_mover(const mp_stream *stream) {
    return stream->extras ? stream->extras->mover : NULL;
}

/* Tells the stream's mover what its kind wants to know; without a mover mp_mover_sent does nothing. */
static inline void mp_mover_arrived(mp_stream *stream, const char *data, size_t size) {
    stream->extras->mover->kind->arrived(stream->extras->mover, stream, data, size);
}

static inline void mp_mover_sent(mp_stream *stream) {
    mp_mover *mover = stream->extras->mover;
    if (mover)
        mover->kind->sent(mover, stream);
}

/* True for a socket that no transport carries. */
static inline bool mp_stream_is_plain(const mp_stream *stream) {
    return !(stream->flags & (FLAG_PIPE | FLAG_CARRIED));
}

/* True if a pipe moves what arrives. */
static inline bool mp_stream_is_piped(const mp_stream *stream) {
    return (stream->open_mode & (MP_MOVED | MP_READ_ONLY)) == MP_MOVED;
}

/* Why it refuses a call while a mover (MP_MOVED) has its bytes. */
static inline enum mp_fault mp_stream_moved_fault(const mp_stream *stream) {
    return mp_stream_is_piped(stream) ? MP_FAULT_PIPED : MP_FAULT_SENDING_FILE;
}

/* Arms the watcher for what the stream and its transport want now; cheap if nothing changed. */
void mp_stream_update_watcher(mp_stream *stream);

/* What the stream holds, or what it may, has changed: it may be read again, or not any more. */
void mp_stream_reconsider(mp_stream *stream);

/* Clears reasons not to read (flags of DEAF), and receives what the transport may already hold. */
void mp_stream_hear(mp_stream *stream, uint32_t flags);

/* Its own limits, or its server's, or the defaults. */
const mp_limits *mp_stream_limits(const mp_stream *stream);

/* True if the peer has finished sending, or the connection ended: no further byte can arrive. */
bool mp_stream_at_end(const mp_stream *stream);

/* True if its input may be signalled: it is connected, or closing because the peer has finished. */
bool mp_stream_is_receiving(const mp_stream *stream);

/* Why there is no connection, or nothing more to read: the last error if it ended or prevented a connection;
   REMOTE_CLOSED if the peer has finished a half-open connection; otherwise NOT_CONNECTED. */
enum mp_fault mp_stream_end_fault(const mp_stream *stream);

/* True if its last attempt to connect has failed. */
bool mp_stream_connect_failed(const mp_stream *stream);

/* True if the peer is known to have finished sending, whether or not that was signalled. */
static inline bool mp_stream_read_ended(const mp_stream *stream) {
    return (stream->flags & FLAG_READ_ENDED) != 0;
}

/* True if open was called, and since then the stream was neither connected nor closed. */
static inline bool mp_stream_was_opened(const mp_stream *stream) {
    return (stream->flags & FLAG_OPENED) != 0;
}

/* True if it has had a connection since it was opened. */
static inline bool mp_stream_was_connected(const mp_stream *stream) {
    return (stream->flags & FLAG_WAS_CONNECTED) != 0;
}

/* True if it still waits for nextPendingConnection. */
static inline bool mp_stream_is_pending(const mp_stream *stream) {
    return (stream->flags & FLAG_PENDING) != 0;
}

/* True if there is no connection yet, but a connect is in progress. */
static inline bool mp_stream_is_connecting(const mp_stream *stream) {
    return stream->state == MP_STATE_HOST_LOOKUP || stream->state == MP_STATE_CONNECTING;
}

/* The server of an accepted stream, or NULL. */
mp_tcp_server *mp_stream_server(const mp_stream *stream);

/* The descriptor, -1 if there is none (also while connecting). */
static inline int mp_stream_descriptor(const mp_stream *stream) {
    return stream->watcher.fd;
}

/* True if the device is valid, as by QAbstractSocket::isValid. */
static inline bool mp_stream_is_valid(const mp_stream *stream) {
    return stream->watcher.fd >= 0 || stream->open_mode != MP_NOT_OPEN;
}

/* Qt's text for its last fault, or the transport's. It stays until the next connection. */
const char *mp_stream_fault_text(const mp_stream *stream);

/* Clears the fault and its text. */
void mp_stream_clear_fault(mp_stream *stream);

/* --- the transport -------------------------------------------------------------------------------------- */

/* The transport that carries its bytes; NULL: the plain socket. */
static inline const mp_transport *mp_stream_transport(const mp_stream *stream) {
    if (mp_stream_is_plain(stream))
        return NULL;
    return stream->flags & FLAG_PIPE ? &mp_transport_pipe : stream->extras->carrier.transport;
}

/* True if the stream's bytes may move: not during a handshake, nor while the transport is suspended. */
static inline bool mp_stream_is_carrying(const mp_stream *stream) {
    return !(stream->flags & FLAG_CARRIED) ||
           (stream->extras->carrier.stage == CARRIER_OPEN && !stream->extras->carrier.suspended);
}

/* Has the transport called in the next turn, even if the poll reports nothing; there must be a transport. Not
   in this turn: a peer that always sends more would block all others. */
void mp_stream_call_soon(mp_stream *stream);

/* The same, but only if the stream isn't deaf and the transport holds input that the poll doesn't report. */
void mp_stream_hear_pending(mp_stream *stream);

/* Calls the transports of the network's `soon`; the callback of its idle watcher. */
void mp_stream_call_those(struct ev_loop *ev, ev_idle *watcher, int revents);

/* The stream has failed: its transport, if any, is called no more, and nothing can be sent. */
void mp_stream_end_carrier(mp_stream *stream);

/* Takes over what a transport's call returned besides its outcome: what it waits for (`waits`: in which
   direction), whether it is suspended, the text of a fault. A pipe returns none of these. */
void mp_stream_note_carrier(mp_stream *stream, const mp_transport_result *result, uint8_t *waits);

/* The same while bytes move: cheap if nothing else has changed. */
static inline void mp_stream_note_move(mp_stream *stream, const mp_transport_result *result, uint8_t *waits) {
    if (result->outcome != MP_TRANSPORT_BYTES || *waits != 0 ||
        result->wants != stream->extras->carrier.beside)
        mp_stream_note_carrier(stream, result, waits);
}

/* Bytes that the transport, which must exist, has taken and not sent; 0 if it will never send them. */
size_t mp_stream_carrier_unsent(const mp_stream *stream);

/* Bytes of output that the system has not taken yet. */
static inline size_t mp_stream_unsent(const mp_stream *stream) {
    return stream->flags & FLAG_CARRIED ? stream->out.bytes + mp_stream_carrier_unsent(stream)
                                        : stream->out.bytes;
}

/* Frees the transport; from now on there is none. */
void mp_stream_release_carrier(mp_stream *stream);

#endif
