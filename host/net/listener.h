/*
 * What listens: a descriptor, and the connections that were accepted on it. It is apart from the server, so
 * that a reload can hand it from one server to another in one step. Who accepts is the server's business
 * (tcp_server.c).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LISTENER_H
#define MP_LISTENER_H

#include "net/stream_state.h"

/* Private to host/ but for `limits`, the owner's references and, read only, `server`, `open_count`. */
struct mp_listener {
    uint32_t references; /* the server's and each connection's */
    mp_network *network;
    mp_tcp_server *server; /* NULL: it has gone. A server begins with its mp_object. */
    ev_io watcher;         /* watcher.fd is the listening descriptor, -1 = none */
    mp_address address;    /* where it listens, as the system says; Null: not an IP address */
    uint16_t port;
    mp_limits limits;      /* of its connections */
    mp_ring pending, open; /* rings of mp_stream.link, oldest first */
    size_t pending_count, open_count;
    uint64_t woken;  /* the turn in which it was ready last; UINT64_MAX: never */
    uint8_t accepts; /* connections that a wake-up accepts */
    uint8_t gone;    /* clients in a row that had gone when they were to be accepted */
    uint16_t kept_port;
    int kept; /* accepted while there was no memory for a socket, -1 = none; its peer beside it */
    mp_address kept_peer;
    int32_t prototype, metatable; /* owner: references to what its connections have in common; 0 = none */
    struct mp_former
        *former; /* the descriptor that it had before, while some may still come to it; or NULL */
    void (*room)(mp_listener *listener); /* the server's: a connection has ended, one more may come */
};

/* A listener with one reference that doesn't listen yet, or NULL. */
mp_listener *mp_listener_new(mp_network *network, void (*on_ready)(struct ev_loop *, ev_io *, int));

/* Ends a reference. */
void mp_listener_unreference(mp_listener *listener);

/* A connection that was accepted: the last of the pending ones, and a reference. */
void mp_listener_add(mp_listener *listener, mp_stream *stream);

/* The oldest pending connection becomes an open one, unless it has ended; NULL: there is none. */
mp_stream *mp_listener_take(mp_listener *listener);

/* The connection has ended: it no longer counts among its listener's, nor among the outgoing ones (it stays
   attached, and pending if it was, unless `also_pending`). */
void mp_listener_remove(mp_stream *stream, bool also_pending);

/* Puts an open connection at the end of its server's list. */
void mp_listener_move_back(mp_stream *stream);

/* Ends the stream's tie to the server that accepted it; for the owner, in the release upcall. */
void mp_stream_detach(mp_stream *stream);

/* The open connection after `previous` (NULL: the first), or NULL. */
mp_stream *mp_listener_next(const mp_listener *listener, const mp_stream *previous);

static inline mp_stream *mp_stream_of_link(mp_ring *link) {
    return MP_CONTAINER(link, mp_stream, link);
}

#endif
