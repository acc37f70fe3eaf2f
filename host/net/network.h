/*
 * The network: what the sockets and servers of a loop share. It is a loop with the input buffer, the list of
 * streams that have something to send, spare chunks, descriptors and the resolver beside it. Here is the
 * structure; making, freeing and the phases of a turn are network.c's, which stands above all that it is made
 * of.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_NETWORK_H
#define MP_NETWORK_H

#include "data/ring.h"
#include "data/write_queue.h"
#include "loop/loop.h"

typedef struct mp_network mp_network;
typedef struct mp_stream mp_stream;
typedef struct mp_tcp_server mp_tcp_server;
typedef struct mp_buffer mp_buffer;
typedef struct mp_lingering mp_lingering;
typedef struct mp_resolver mp_resolver;

/* The size of the input buffer that all streams share: the most that one recv takes. */
#define MP_INPUT_SIZE 131072

/* How many streams are received from before their handlers run. More bring nothing. */
#define MP_BATCH 16

/* What the owner does for the network; one static table. All but unpin run from the loop, never inside an API
   call. */
typedef struct mp_network_upcalls {
    /* There is input: emit readyRead on each stream that mp_stream_next_arrival gives, until it gives
       none. */
    void (*arrived)(mp_network *network);
    /* A fresh, initialised and held (mp_object_hold) stream for a connection that `server` accepts; NULL: no
       memory. */
    mp_stream *(*accept)(mp_tcp_server *server);
    /* A string that was given to mp_stream_write with `token` is not needed any more. May run inside API
       calls. */
    void (*unpin)(void *owner, int token);
    /* What was given to mp_stream_write with MP_LEND isn't needed any more. After a flush, if `lends` is
       set. */
    void (*flushed)(mp_network *network);
} mp_network_upcalls;

/* What was received for a stream whose handler is yet to run: the input buffer's data[start, start +
   size). */
typedef struct mp_arrival {
    mp_stream *stream; /* NULL: it has closed its descriptor since */
    uint32_t start, size;
} mp_arrival;

/* Who waits for a descriptor to become free; see descriptor.h. */
typedef struct mp_starving {
    mp_ring link; /* in the network's `starving`, or nowhere */
    void (*freed)(struct mp_starving *starving);
} mp_starving;

/* Private to host/ but for: upcalls, traffic and receiver (read only), lends. */
struct mp_network {
    mp_loop loop; /* first: a loop of this kind is a network */
    const mp_network_upcalls *upcalls;
    struct {
        uint64_t bytes_read, bytes_sent;
        uint64_t accepted, connected; /* connections, coming in and going out; none of these is ever reset */
        uint64_t connections;         /* that there are now */
    } traffic;
    mp_buffer *input;
    bool input_lent; /* and not to be freed */
    bool lends; /* owner, by mp_network_lend: something was written with MP_LEND; `flushed` is to be called */
    bool winding_down;
    uint32_t input_used; /* bytes of its data[] that are taken by arrivals */
    uint32_t arrival_count, delivered;
    mp_arrival arrivals[MP_BATCH];
    mp_stream *receiver; /* whose handlers run on what arrived, or NULL */
    mp_stream *dirty_head, *dirty_tail;
    mp_stream *congested; /* by next_dirty */
    ev_timer relief;      /* when those are tried again */
    mp_chunk_pool chunks;
    mp_ring servers, outgoing; /* all servers; streams that no listener accepted */
    mp_ring connecting;        /* mp_connector: connects in progress */
    mp_ring starving;          /* mp_starving */
    mp_ring soon;              /* streams whose transport is called in the next turn, see stream_state.h */
    ev_idle at_soon;
    mp_lingering *lingering;
    uint64_t *owned; /* descriptors, a bit each, see descriptor.h */
    size_t owned_words;
    mp_resolver *resolver;
};

/* Makes a network with a loop of its own. Returns 0 or -ENOMEM. */
int mp_network_new(const mp_upcalls *loop_upcalls, const mp_network_upcalls *upcalls, void *owner,
                   mp_network **out);

/* Frees it with its loop; every object must have been destroyed before. NULL does nothing. */
void mp_network_free(mp_network *network);

/* Gives memory back to the system that many objects took and the few that are left don't need; between two
   events. */
void mp_network_trim(mp_network *network);

/* Has the network receive into `buffer`, which stays its owner's. Before the loop runs. */
void mp_network_lend_input(mp_network *network, mp_buffer *buffer);

/* The network that the loop belongs to. */
static inline mp_network *mp_network_of(mp_loop *loop) {
    return (mp_network *)loop;
}

/* Something is about to be written with MP_LEND: `flushed` follows the next flush. */
static inline void mp_network_lend(mp_network *network) {
    network->lends = true;
    network->loop.unsent = true;
}

#endif
