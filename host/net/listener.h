/*
 * A listener: the descriptor that listens, and the connections accepted on it. It is separate from the
 * server, so that a reload can hand it from one server to another in one step. The server accepts
 * (tcp_server.c).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LISTENER_H
#define MP_LISTENER_H

#include "net/stream_state.h"

/* Private to host/, except `limits`, the owner's references and (read only) `server`, `open_count`. */
struct mp_listener {
    uint32_t references; /* the server's and one for each connection */
    mp_network *network;
    mp_tcp_server *server; /* NULL: it was destroyed. A server begins with its mp_object. */
    ev_io watcher;         /* watcher.fd is the listening descriptor, -1 = none */
    mp_address address;    /* where it listens, from the system; Null: not an IP address */
    uint16_t port;
    struct mp_local_place *local; /* the place of a Unix-domain socket; NULL: an IP address, or none */
    mp_limits limits;             /* of its connections */
    mp_ring pending, open;        /* rings of mp_stream.link, oldest first */
    mp_ring entering; /* the same, of connections whose transport isn't open yet: nobody knows them */
    size_t pending_count, open_count, entering_count;
    mp_ring handshakes; /* those of them that have begun their handshakes, oldest first; host/tls */
    size_t handshake_count;
    const struct mp_entrance *entrance; /* host/tls: called about those that enter */
    uint64_t woken;                     /* the last turn in which it was ready; UINT64_MAX: never */
    uint8_t accepts;                    /* the number of connections that a wake-up accepts */
    uint8_t gone;                       /* clients in a row that left before they were accepted */
    uint16_t kept_port;
    int kept; /* accepted, but there was no memory for a socket; -1 = none; its peer follows */
    mp_address kept_peer;
    int32_t prototype, metatable;        /* owner: references that its connections share; 0 = none, a negative
                                     prototype: only its place */
    uint8_t metatable_kind;              /* owner: the kind of those connections */
    void *counts;                        /* owner: of malloc's memory, freed with the listener; NULL: none */
    struct mp_address_counts *addresses; /* of all its connections; NULL: the server has no limit for them */
    bool shared;                         /* the descriptor is of the network's source */
    struct mp_lent *lent;                /* descriptors of others; NULL: none */
    void (*lent_ready)(struct ev_loop *, ev_io *, int); /* the server's, of their watchers */
    struct mp_former *former; /* its previous descriptor while clients may still arrive there; or NULL */
    /* The server's: a connection ended, so there is room; `entering`: it was one of those. */
    void (*left)(mp_listener *listener, const mp_stream *stream, bool entering);
};

/* Makes a listener that doesn't listen yet, with one reference; NULL if there is no memory. */
mp_listener *mp_listener_new(mp_network *network, void (*on_ready)(struct ev_loop *, ev_io *, int));

/* Closes a descriptor that listens, `shared` as in the structure: its source learns of it. */
void mp_listener_close_descriptor(mp_network *network, int fd, bool shared);

/* Releases a reference. */
void mp_listener_unreference(mp_listener *listener);

/* Adds an accepted connection, which takes a reference, at the end of the pending ones. */
void mp_listener_add(mp_listener *listener, mp_stream *stream);

/* Adds an accepted connection that becomes pending only when its transport is open, and a reference. */
void mp_listener_enter(mp_listener *listener, mp_stream *stream);

/* Its transport is open: makes it the last of the pending ones. */
void mp_listener_admit(mp_stream *stream);

/* Makes the oldest pending connection an open one, unless it ended; NULL: there is none. */
mp_stream *mp_listener_take(mp_listener *listener);

/* A connection ended: removes it from its listener's connections, or from the outgoing ones. It stays
   attached, and pending if it was, unless `also_pending`. */
void mp_listener_remove(mp_stream *stream, bool also_pending);

/* Moves an open connection to the end of its server's list. */
void mp_listener_move_back(mp_stream *stream);

/* Detaches the stream from the server that accepted it; for the owner, in the release upcall. */
void mp_stream_detach(mp_stream *stream);

/* The open connection after `previous` (NULL: the first), or NULL. */
mp_stream *mp_listener_next(const mp_listener *listener, const mp_stream *previous);

static inline mp_stream *mp_stream_of_link(mp_ring *link) {
    return MP_CONTAINER(link, mp_stream, link);
}

#endif
