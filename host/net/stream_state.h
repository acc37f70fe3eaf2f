/*
 * A stream's structure, what it is at, and what it wants of the poll. The other parts of a stream
 * (stream_input, stream_output, stream, stream_limits) stand above this one; what it is that is connected (a
 * TcpSocket) stands above them all.
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
    MP_UNBUFFERED = 0x20
};

/* What bounds a connection. A server's are shared by its connections; a stream gets its own when one is
   set. */
typedef struct mp_limits {
    size_t read_buffer;     /* bytes, 0 = none */
    size_t write_buffer;    /* bytes, 0 = none */
    size_t high_water_mark; /* bytes, 0 = off */
    double idle_timeout;    /* milliseconds, 0 = none */
    bool half_open;
} mp_limits;

/* Those of a fresh server or stream. */
extern const mp_limits mp_default_limits;

typedef struct mp_listener mp_listener;
typedef struct mp_stream_extras mp_stream_extras;

/* mp_stream.flags */
enum {
    FLAG_PIPE = 1 << 0,        /* the descriptor is no socket: transport_pipe.c */
    FLAG_DIRTY = 1 << 1,       /* on the network's dirty list */
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
    FLAG_COUNTED = 1 << 13,       /* counted in traffic.connections */
    FLAG_OWN_LIMITS = 1 << 14,
    FLAG_WAS_CONNECTED = 1 << 15,   /* since it was opened */
    FLAG_KEEP_DESCRIPTOR = 1 << 16, /* adopted or bound before connecting: connects on its own descriptor */
    FLAG_WRITE_CLOSED = 1 << 17,    /* takes no more writes; the peer is told so when the queue is empty */
    FLAG_UNANNOUNCED = 1 << 18, /* `connected` is still to be delivered; what is queued is sent behind it */
    FLAG_ARRIVED = 1 << 19,     /* among the network's arrivals */
    FLAG_OPENED = 1 << 20,      /* by a call of open, since when nothing was connected or closed */
    FLAG_CARRIED = 1 << 21,     /* by the transport in its extras */
    FLAG_CONGESTED = 1 << 22,   /* on the network's list: the system had no memory for what is to be sent */
    FLAG_TOO_LONG = 1 << 23     /* it is READ_FULL with a line that doesn't fit, and nobody has read on */
};

/* For `stream->flags &= ALL_BUT(…)`; the field has 24 bits. */
#define ALL_BUT(flags) (0xffffffu & ~(uint32_t)(flags))

/* What stays, as a name for each occasion. */
enum {
    KEPT_ALWAYS = FLAG_DIRTY | FLAG_OWN_LIMITS, /* they say where it stands, or what the script has set */
    KEPT_OVER_ESTABLISH = KEPT_ALWAYS | FLAG_TRANSACTION | FLAG_CLOSE_CONNECTED | FLAG_PIPE | FLAG_PENDING |
                          FLAG_WRITE_CLOSED | FLAG_CARRIED,
    KEPT_OVER_SHUT = KEPT_ALWAYS | FLAG_TRANSACTION | FLAG_FINISHED_TOLD | FLAG_READ_ENDED | FLAG_PENDING |
                     FLAG_WAS_CONNECTED,
    DEAF = FLAG_READ_ENDED | FLAG_THROTTLED | FLAG_READ_FULL /* it isn't read while one of these is set */
};

/* mp_stream.phase: how it is being closed. After the peer's FIN handlers may still answer (D4); a local close
   and a broken connection don't wait for them. */
enum { PHASE_OPEN, PHASE_REMOTE_CLOSE, PHASE_BROKEN, PHASE_LOCAL_CLOSE };

/*
 * What a part of a stream has come to, for the state machine above it (stream.c), which decides. BROKEN and
 * END come with a fault.
 */
enum mp_outcome { MP_GOING_ON, MP_NOTHING, MP_END, MP_BROKEN };

typedef struct mp_part_result {
    uint8_t outcome; /* enum mp_outcome */
    uint8_t fault;   /* enum mp_fault */
} mp_part_result;

/* A transport at work. */
typedef struct mp_carrier {
    const mp_transport *transport;
    void *state; /* the transport's own */
    enum { CARRIER_HANDSHAKING, CARRIER_OPEN, CARRIER_GONE } stage;
    enum { GOODBYE_UNSAID, GOODBYE_BEGUN, GOODBYE_SAID } goodbye;
    bool suspended;        /* nothing is called until mp_stream_end_suspension */
    uint8_t receive_waits; /* for these, EV_READ | EV_WRITE, instead of its own direction; 0: for that */
    uint8_t send_waits;
    uint8_t beside; /* what it wants of the poll whatever the stream does */
    size_t offered; /* bytes at the head of the queue that it will be offered again */
    mp_ring soon;   /* in the network's `soon`, or nowhere */
} mp_carrier;

/* What few streams need; a class may have more behind it (mp_stream_class.extras_size). */
struct mp_stream_extras {
    mp_limits limits; /* if FLAG_OWN_LIMITS */
    mp_idle idle;
    mp_stream *stream;  /* whose these are */
    mp_carrier carrier; /* if FLAG_CARRIED */
    char *fault_text;   /* the transport's words for its fault, or NULL */
    uint8_t fault;      /* which that was */
};

/* What is connected: the part of a kind of stream that the stream itself doesn't know. Static in its file. */
typedef struct mp_stream_class {
    mp_behaviour behaviour; /* first */
    size_t extras_size;     /* of its extras, which begin with an mp_stream_extras; zeroed at first */
    void (*leave)(mp_stream *stream);    /* ends what is under way to a connection */
    void (*remember)(mp_stream *stream); /* it ends: keeps what the handlers of its closing signals may ask */
    void (*forget)(mp_stream *stream);   /* those have run */
    void (*free_extras)(mp_stream_extras *extras); /* frees what these refer to */
    void (*opened)(mp_stream *stream); /* its transport's handshake is done; NULL: nobody wants to know */
} mp_stream_class;

/* Private to host/ but for `object`, `state`, `fault`, `open_mode`, `listener`, `bytes_read`, `bytes_sent`
   (read only). */
struct mp_stream {
    mp_object object;
    ev_io watcher; /* watcher.fd is the descriptor, -1 = none */
    /* In eight bytes: there are many streams. */
    uint8_t state : 4; /* enum mp_socket_state */
    uint8_t phase : 4; /* how far a close has come */
    uint8_t open_mode;
    uint16_t port; /* its class's own */
    uint32_t flags : 24;
    uint32_t fault : 8; /* the last one */
    mp_stream *next_dirty;
    mp_buffer *in; /* unread bytes: its own, the network's input buffer while its readyRead runs, or NULL */
    mp_write_queue out;
    mp_listener *listener; /* of an accepted connection */
    mp_ring link;          /* among the listener's connections, or the outgoing ones */
    mp_stream_extras *extras;
    uint64_t bytes_read, bytes_sent;
};

static inline mp_network *mp_stream_network(const mp_stream *stream) {
    return mp_network_of(stream->object.loop);
}

static inline const mp_stream_class *mp_stream_class_of(const mp_stream *stream) {
    return (const mp_stream_class *)stream->object.behaviour;
}

/* The extras, made at first use; NULL: no memory. */
mp_stream_extras *mp_stream_need_extras(mp_stream *stream);

/* Do its state, its descriptor, its flags and its queue agree? Between calls they do. For assertions. */
bool mp_stream_is_sound(const mp_stream *stream);

/* The state and its signal. */
void mp_stream_set_state(mp_stream *stream, enum mp_socket_state state);

/* Arms the watcher for what the stream and its transport want now; cheap if nothing changed. */
void mp_stream_update_watcher(mp_stream *stream);

/* Ends a reason not to read (flags of DEAF), and receives what the transport may hold already. */
void mp_stream_hear(mp_stream *stream, uint32_t flags);

/* Its limits: its own, or its server's, or the defaults. */
const mp_limits *mp_stream_limits(const mp_stream *stream);

/* Has the peer finished sending (or the connection ended)? Then no further byte comes. */
bool mp_stream_at_end(const mp_stream *stream);

/* May its input be signalled: is it connected, or closing because the peer has finished? */
bool mp_stream_is_receiving(const mp_stream *stream);

/* Why there is no connection, or no more to read: the last error if it ended or prevented one; REMOTE_CLOSED
   where the peer has finished a connection that is half-open; else NOT_CONNECTED. */
enum mp_fault mp_stream_end_fault(const mp_stream *stream);

/* Has its last attempt to connect come to nothing? */
bool mp_stream_connect_failed(const mp_stream *stream);

/* Has the peer finished sending, as far as is known, whether or not that has been signalled? */
static inline bool mp_stream_read_ended(const mp_stream *stream) {
    return (stream->flags & FLAG_READ_ENDED) != 0;
}

/* Has open been called, since when it was neither connected nor closed? */
static inline bool mp_stream_was_opened(const mp_stream *stream) {
    return (stream->flags & FLAG_OPENED) != 0;
}

/* Has it had a connection since it was opened? */
static inline bool mp_stream_was_connected(const mp_stream *stream) {
    return (stream->flags & FLAG_WAS_CONNECTED) != 0;
}

/* Does it still wait for nextPendingConnection? */
static inline bool mp_stream_is_pending(const mp_stream *stream) {
    return (stream->flags & FLAG_PENDING) != 0;
}

/* Is there no connection yet, but one on its way? */
static inline bool mp_stream_is_connecting(const mp_stream *stream) {
    return stream->state == MP_STATE_HOST_LOOKUP || stream->state == MP_STATE_CONNECTING;
}

/* The server of an accepted stream, or NULL. */
mp_tcp_server *mp_stream_server(const mp_stream *stream);

/* The descriptor, -1 if there is none (also while connecting). */
static inline int mp_stream_descriptor(const mp_stream *stream) {
    return stream->watcher.fd;
}

/* Is the device valid, in QAbstractSocket::isValid's sense? */
static inline bool mp_stream_is_valid(const mp_stream *stream) {
    return stream->watcher.fd >= 0 || stream->open_mode != MP_NOT_OPEN;
}

/* Qt's words for its last fault, or the transport's, which stay until the next connection. */
const char *mp_stream_fault_text(const mp_stream *stream);

/* There is no fault any more, nor words for one. */
void mp_stream_clear_fault(mp_stream *stream);

/* --- the transport -------------------------------------------------------------------------------------- */

/* What carries its bytes; NULL: the plain socket. */
static inline const mp_transport *mp_stream_transport(const mp_stream *stream) {
    if (!(stream->flags & (FLAG_PIPE | FLAG_CARRIED)))
        return NULL;
    return stream->flags & FLAG_PIPE ? &mp_transport_pipe : stream->extras->carrier.transport;
}

/* May bytes of the stream's move? Not during a handshake, nor while the transport is suspended. */
static inline bool mp_stream_is_carrying(const mp_stream *stream) {
    return !(stream->flags & FLAG_CARRIED) ||
           (stream->extras->carrier.stage == CARRIER_OPEN && !stream->extras->carrier.suspended);
}

/* Has the transport, there is one, called in the next turn although the poll may tell of nothing. Not in this
   one: a peer that always has more would keep all others from it. */
void mp_stream_call_soon(mp_stream *stream);

/* The same if the stream hears and the transport holds input, of which the poll doesn't tell. */
void mp_stream_hear_pending(mp_stream *stream);

/* Calls those of the network that are to be called; its idle watcher's. */
void mp_stream_call_those(struct ev_loop *ev, ev_idle *watcher, int revents);

/* It has failed: the transport, if there is one, is called no more, and nothing can be sent. */
void mp_stream_end_carrier(mp_stream *stream);

/* Takes what a call of the transport says beside its outcome: what it waits for (`waits`: of which
   direction), whether it rests, words for a fault. A pipe says nothing. */
void mp_stream_note_carrier(mp_stream *stream, const mp_transport_result *result, uint8_t *waits);

/* Bytes that the transport, there is one, has taken and not sent; 0 when it never will. */
size_t mp_stream_carrier_unsent(const mp_stream *stream);

/* Bytes of output that are not with the system yet. */
static inline size_t mp_stream_unsent(const mp_stream *stream) {
    return stream->flags & FLAG_CARRIED ? stream->out.bytes + mp_stream_carrier_unsent(stream)
                                        : stream->out.bytes;
}

/* Frees the transport; there is none from now on. */
void mp_stream_release_carrier(mp_stream *stream);

#endif
