/*
 * The network: what the sockets and servers of a loop share. It extends a loop by the input buffer, the list
 * of streams with something to send, spare chunks, descriptors and the resolver. This file has the structure.
 * network.c makes it, frees it and runs the phases of a turn; it is above everything that the network
 * consists of.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_NETWORK_H
#define MP_NETWORK_H

#include "data/address.h"
#include "data/error.h"
#include "data/ring.h"
#include "data/write_queue.h"
#include "loop/loop.h"

typedef struct mp_network mp_network;
typedef struct mp_stream mp_stream;
typedef struct mp_tcp_server mp_tcp_server;
typedef struct mp_buffer mp_buffer;
typedef struct mp_lingering mp_lingering;
typedef struct mp_resolver mp_resolver;
struct mp_local_access;
struct mp_local_name;
struct mp_udp_shared;
struct mp_udp_socket;
typedef struct mp_kernel_pipe mp_kernel_pipe;
typedef struct mp_reaping mp_reaping;

/* The size of the input buffer that all streams share, and so the most that one recv takes. */
#define MP_INPUT_SIZE 131072

/* How many streams receive before their handlers run. Larger batches gain nothing (docs/performance.md). */
#define MP_BATCH 16

/* What the owner does for the network; one static table. All of them except unpin run from the loop, never
   inside an API call. */
typedef struct mp_network_upcalls {
    /* There is input: emits readyRead on each stream that mp_stream_next_arrival returns, until it returns
       none. */
    void (*arrived)(mp_network *network);
    /* Returns a new, initialised and held (mp_object_hold) stream for a connection that `server` accepts;
       NULL: no memory. */
    mp_stream *(*accept)(mp_tcp_server *server);
    /* A string passed to mp_stream_write with `token` isn't needed any more. May run inside API calls. */
    void (*unpin)(void *owner, int token);
    /* True if a handler would see this signal of the object. */
    bool (*has_handler)(mp_object *object, enum mp_signal signal);
    /* Has the server's handler choose the TLS configuration for the name that the client on `stream` asks
       for. mp_ssl_server_answer ends it. */
    void (*name_requested)(mp_tcp_server *server, mp_stream *stream, const char *name);
    /* Strings passed to mp_stream_write with MP_LEND aren't needed any more. Called after a flush, if `lends`
       is set. */
    void (*flushed)(mp_network *network);
    /* Datagrams have arrived for a socket with a handler of datagramReceived: emits it for each datagram that
       mp_udp_next returns, until it returns none. */
    void (*datagrams)(struct mp_udp_socket *socket);
} mp_network_upcalls;

/* Where the listening sockets of a process come from that shares them with others; one static table. */
typedef struct mp_network_source {
    /* A non-blocking, close-on-exec socket that is bound to the address and doesn't listen, in *fd. With
       `beside`, other listeners of the program at the port don't count as taken. */
    enum mp_fault (*bind)(mp_network *network, const mp_address *address, uint16_t port, bool beside,
                          int *fd);
    /* The same with a Unix-domain socket that listens; with *fd NULL says only whether there could be one. */
    enum mp_fault (*listen_local)(mp_network *network, const struct mp_local_name *name,
                                  const struct mp_local_access *access, int backlog, int *fd);
    /* The script has closed the server of this socket, which is about to be closed. */
    void (*closed)(mp_network *network, int fd);
} mp_network_source;

/* Received bytes of a stream whose handler has not run yet: the input buffer's data[start, start + size). */
typedef struct mp_arrival {
    mp_stream *stream; /* NULL: it has closed its descriptor since then */
    uint32_t start, size;
} mp_arrival;

/* Why connections are refused; see overload.h. */
enum mp_refusal { MP_REFUSED_BUFFERS, MP_REFUSED_CONNECTIONS, MP_REFUSED_HANDSHAKES, MP_REFUSALS };

typedef struct mp_overload {
    size_t bound;   /* of the memory of all buffers, in bytes; 0: none */
    size_t input;   /* the part that isn't in the write queues' pool */
    size_t look_at; /* with more, a look is due */
    size_t share;   /* a stream that holds more isn't read; SIZE_MAX: there is enough */
    uint32_t deaf;  /* flags of streams that receive nothing now */
    bool due;       /* a look is due behind this turn */
    bool refuses;   /* connections */
    double since;   /* when it began to, by mp_loop_now */
    ev_timer tick, tell;
    uint64_t refused[MP_REFUSALS], ended; /* connections; never reset */
    uint64_t told[MP_REFUSALS + 1];       /* those of them that the log has reported */
    struct {
        mp_address peer;
        uint16_t port; /* of the server */
    } last[MP_REFUSALS];
} mp_overload;

/* A part of what waits for a free descriptor; see descriptor.h. */
typedef struct mp_starving {
    mp_ring link; /* in the network's `starving`, or in no ring */
    void (*freed)(struct mp_starving *starving);
} mp_starving;

/* Private to host/, except upcalls, traffic, processes, receiver and overload (read only), lends. */
struct mp_network {
    mp_loop loop; /* first: a loop of this kind is a network */
    const mp_network_upcalls *upcalls;
    const mp_network_source *source; /* NULL: this process makes its sockets itself */
    struct {
        uint64_t bytes_read, bytes_sent;
        uint64_t accepted, connected; /* connections, incoming and outgoing; none of these is ever reset */
        uint64_t connections;         /* the current number */
    } traffic;
    uint32_t last_number; /* of a connection, see mp_stream_number */
    mp_buffer *input;
    bool input_lent; /* the buffer is the owner's: never freed here */
    bool lends; /* owner, by mp_network_lend: something was written with MP_LEND; `flushed` must follow */
    bool winding_down;
    uint32_t input_used; /* bytes of its data[] that arrivals occupy */
    uint32_t arrival_count, delivered;
    mp_arrival arrivals[MP_BATCH];
    mp_stream *receiver; /* the stream whose handlers run on what arrived, or NULL */
    mp_stream *dirty_head, *dirty_tail;
    mp_stream *congested; /* linked by next_dirty */
    ev_timer relief;      /* when those try again */
    mp_chunk_pool chunks;
    mp_overload overload;
    mp_ring servers, outgoing; /* all servers; streams that no listener accepted */
    mp_ring connecting;        /* mp_connector: connects in progress */
    mp_ring starving;          /* of mp_starving */
    mp_ring soon;              /* streams whose transport is called in the next turn, see stream_state.h */
    ev_idle at_soon;
    struct mp_trace *traces; /* trace.h */
    mp_lingering *lingering;
    uint32_t processes;           /* that run */
    mp_reaping *reaping;          /* processes without an owner, see reaper.h */
    mp_kernel_pipe *kernel_pipes; /* spare ones, see kernel_pipe.h */
    uint32_t kernel_pipe_count;
    uint64_t *owned; /* descriptors, one bit each, see descriptor.h */
    size_t owned_words;
    mp_resolver *resolver;
    struct mp_tls_shared *tls; /* host/tls: what TLS connections share, or NULL */
    void (*free_tls)(struct mp_network *network);
    struct mp_udp_shared *udp; /* udp_state.h: what UDP sockets share, or NULL */
};

/* Makes a network with its own loop. Returns 0 or -ENOMEM. */
int mp_network_new(const mp_upcalls *loop_upcalls, const mp_network_upcalls *upcalls, void *owner,
                   mp_network **out);

/* Frees it and its loop; every object must have been destroyed before. NULL does nothing. */
void mp_network_free(mp_network *network);

/* Returns memory to the system that many objects needed and the remaining ones don't; call it between two
   events. */
void mp_network_trim(mp_network *network);

/* Has the network receive into `buffer`, which remains its owner's. Call it before the loop runs. */
void mp_network_lend_input(mp_network *network, mp_buffer *buffer);

/* The memory of the buffers of all streams, in bytes. */
static inline size_t mp_network_buffers(const mp_network *network) {
    return network->overload.input + mp_chunk_pool_used(&network->chunks);
}

/* The network of a loop. */
static inline mp_network *mp_network_of(mp_loop *loop) {
    return (mp_network *)loop;
}

/* Call it before a write with MP_LEND: `flushed` follows the next flush. */
static inline void mp_network_lend(mp_network *network) {
    network->lends = true;
    network->loop.unsent = true;
}

#endif
