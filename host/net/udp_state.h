/*
 * A UDP socket's structure, its state, and what all UDP sockets of a network share. The other parts
 * (udp_input, udp_output, udp_connect, udp_group, udp_handover) are above this one; the class, udp_socket, is
 * above them all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_UDP_STATE_H
#define MP_UDP_STATE_H

#include "data/datagram.h"
#include "data/error.h"
#include "net/host_lookup.h"
#include "net/network.h"
#include "net/socket_option.h"
#include "net/stream_state.h"
#include "system/datagram.h"

typedef struct mp_udp_socket mp_udp_socket;

/* A multicast group that a socket has joined, or will. */
typedef struct mp_udp_group {
    mp_address address;
    uint32_t interface; /* 0: the system's choice */
} mp_udp_group;

/* A connect in progress. */
typedef struct mp_udp_connect {
    mp_host_lookup lookup;
    mp_udp_socket *socket;
    uint16_t port;
} mp_udp_connect;

/* Private to host/, except `object`, `state`, `fault`, the limits and the counters (read only; limits are set
   by functions). */
struct mp_udp_socket {
    mp_object object; /* first */
    ev_io watcher;    /* watcher.fd is the descriptor, -1 = none */
    uint8_t state;    /* enum mp_socket_state */
    uint8_t fault;    /* the last one */
    uint8_t requested_mode;
    bool v6;          /* the descriptor is one of IPv6 */
    bool v6_only;     /* and takes no IPv4 */
    bool full;        /* the system took no more datagrams: waits until it does */
    bool told;        /* readyRead was signalled, and nothing was read since */
    bool dirty;       /* on the list of those with something to send */
    bool requested;   /* bound by bind, with the arguments below; a reload can claim it */
    bool staged;      /* of a run that doesn't serve yet: nothing is read */
    bool deferred;    /* its bind waits until its run takes over, which ends the bind that is in its way */
    bool lost;        /* the socket whose descriptor it would have taken over has closed it */
    bool resting;     /* nothing is read for a moment: the system has failed to */
    uint8_t failures; /* of reading, in a row */
    bool final;       /* the closing signals are queued: addresses are kept for their handlers */
    uint16_t requested_port, local_port, peer_port;
    mp_address requested_address, local, peer; /* Null: none */
    char *peer_name;                           /* what was given to connect, or NULL */
    mp_udp_connect *connecting;
    uint32_t multicast_interface; /* index; 0: the system's choice */
    mp_udp_group *groups;
    size_t group_count;
    mp_socket_options *options; /* set while it has no descriptor of its own, or NULL */
    mp_udp_socket *next_dirty;
    bool *gone;    /* set when it is destroyed while it receives, or NULL */
    mp_ring link;  /* in the network's sockets, while there is a descriptor or a claim, or it was lost */
    mp_ring again; /* in the network's `again`, or in no ring */
    mp_datagram_queue in, out;
    size_t read_limit, write_limit; /* bytes with the heads; 0 = none */
    uint32_t most_handlers;         /* that may wait at a time before nothing more is read */
    uint64_t bytes_read, bytes_sent, datagrams_read, datagrams_sent, lost_here;
    mp_udp_socket *claims, *claimed_by; /* the one whose descriptor it will take over, and the reverse */
    mp_udp_socket *heir;                /* the one that took its descriptor over; writes go there */
    mp_ring forebears, of_heir;         /* those whose heir this is; the place among its heir's */
};

/* Received datagrams that no handler has seen yet: slots [start, start + count). */
typedef struct mp_udp_arrival {
    mp_udp_socket *socket; /* NULL: it has closed its descriptor since */
    int start, count;
} mp_udp_arrival;

/* What the UDP sockets of a network share. */
struct mp_udp_shared {
    mp_network *network;
    mp_ring sockets;
    mp_ring again; /* those to be looked at in the next turn */
    ev_idle at_again;
    ev_timer rest; /* runs while sockets rest */
    mp_datagram_slots *slots;
    int used;
    int arrival_count;
    mp_udp_arrival arrivals[MP_DATAGRAM_SLOTS];
    mp_udp_arrival *arrival;   /* the one that is delivered, */
    mp_udp_socket *delivering; /* to this one; NULL: it has been destroyed meanwhile */
    mp_udp_socket *dirty_head, *dirty_tail;
};

static inline mp_network *mp_udp_network(const mp_udp_socket *socket) {
    return mp_network_of(socket->object.loop);
}

static inline struct mp_udp_shared *mp_udp_shared_of(const mp_udp_socket *socket) {
    return mp_udp_network(socket)->udp;
}

static inline int mp_udp_socket_descriptor(const mp_udp_socket *socket) {
    return socket->watcher.fd;
}

/* True if it can send and receive now. */
static inline bool mp_udp_is_open(const mp_udp_socket *socket) {
    return socket->state == MP_STATE_BOUND || socket->state == MP_STATE_CONNECTED;
}

/* Makes what is shared, at the first bind; from then on `phases` are the parts of a turn, and `on_again` is
   called for `again`. Returns 0 or -ENOMEM. */
int mp_udp_share(mp_network *network, const mp_phases *phases,
                 void (*on_again)(struct ev_loop *, ev_idle *, int));

/* Frees it; for mp_network_free. */
void mp_udp_free_shared(mp_network *network);

/* True if state, descriptor and queues agree; for assertions. */
bool mp_udp_is_sound(const mp_udp_socket *socket);

/* Sets the state and emits its signal. */
void mp_udp_set_state(mp_udp_socket *socket, enum mp_socket_state state);

/* Records a fault and signals it. */
enum mp_fault mp_udp_fail(mp_udp_socket *socket, enum mp_fault fault);

/* Has the poll watch for what the socket can take now. */
void mp_udp_update_watcher(mp_udp_socket *socket);

/* A step of its own in the queue of the loop: it closes when everything is sent. */
enum { MP_UDP_STEP_CLOSE = 1 };

/* Has the socket read nothing for a moment. */
void mp_udp_rest(mp_udp_socket *socket);

/* Has the socket looked at in the next turn. */
void mp_udp_call_again(mp_udp_socket *socket);

/* Gives it a descriptor that has an address. It is watched from mp_udp_update_watcher on. */
void mp_udp_set_descriptor(mp_udp_socket *socket, int fd, bool v6, bool v6_only);

/* Asks for its own address, which connecting may have changed. */
void mp_udp_find_local(mp_udp_socket *socket);

/* Takes its descriptor away, without closing it, and forgets what has arrived and isn't queued. Returns
   it. */
int mp_udp_take_descriptor(mp_udp_socket *socket);

#endif
