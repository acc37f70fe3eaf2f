/*
 * TCP servers with QTcpServer's semantics. The listener accepts and has the connections, so that a reload can
 * hand it from one server to another in one step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SERVER_H
#define MP_TCP_SERVER_H

#include "data/endpoint.h"
#include "net/listener.h"
#include "net/local_place.h"

/* Begins with its object. Private to host/, except `object`, `fault`, `listener`, `claims`, `claimed_by`,
   `lost` (read only) and, with mp_tcp_server_update after a change, `max_pending`, `max_connections`,
   `paused`, `waiting`, `staged`; `backlog` and `access` apply to the next listen. */
struct mp_tcp_server {
    mp_object object; /* first */
    mp_listener *listener;
    uint8_t fault;
    bool paused;       /* pauseAccepting */
    bool told_starved; /* acceptError was signalled, and since then clients have waited all the time */
    uint16_t waiting;  /* suspended waitForNewConnection calls: they accept although paused */
    int max_pending;
    int backlog;
    mp_local_access access;             /* to the file of a Unix-domain socket */
    size_t max_connections;             /* 0 = no limit */
    uint32_t max_per_address;           /* connections; 0 = no limit. By mp_tcp_server_limit_addresses */
    uint32_t max_shaking_per_address;   /* connections whose handshake isn't done; the same */
    mp_ring link;                       /* in the loop's servers */
    mp_tcp_server *claims, *claimed_by; /* the server whose listener it will take over, and the reverse */
    mp_endpoint requested;              /* the arguments of listen */
    bool adopted;                       /* listens by setSocketDescriptor: has no arguments */
    bool staged;                        /* doesn't accept yet */
    bool bound; /* its own descriptor is only bound, or not even that if it is a Unix-domain socket's;
                   mp_tcp_server_open does the rest */
    bool lost;  /* the server whose listener it would have taken over has closed it */
    /* Takes the accepted connection `fd` for `stream`, and offers it later; NULL: it is offered at once. */
    void (*admit)(mp_tcp_server *server, mp_stream *stream, int fd);
    mp_starving starving; /* accepting has failed: tries again when a descriptor is free */
    ev_timer retry;
};

/* Identifies an object as a server. */
extern const mp_behaviour mp_tcp_server_behaviour;

/* Makes a server. Returns 0 or -ENOMEM. */
int mp_tcp_server_init(mp_tcp_server *server, mp_network *network);

/* Stops listening, aborts pending connections; open connections continue without a server. No upcall
   follows. */
void mp_tcp_server_destroy(mp_tcp_server *server);

/*
 * QTcpServer::listen. ANY listens on IPv6 and IPv4 with one socket (0.0.0.0 if there is no IPv6); Null is
 * like 0.0.0.0; with port 0 the system chooses. Sets SO_REUSEADDR. The object must be held. A staged server
 * is only bound, so that nobody can connect before it accepts. Faults: ALREADY_LISTENING (the server's fault
 * stays), ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, PROTECTED, RESOURCE, …
 */
enum mp_fault mp_tcp_server_listen(mp_tcp_server *server, const mp_address *address, uint16_t port);

/* The same at a Unix-domain socket's name. A staged server neither binds nor listens: it only looks whether
   it could. Faults: ALREADY_LISTENING, ADDRESS_IN_USE, FOREIGN_FILE, NO_SUCH_FOLDER, ACCESS, … */
enum mp_fault mp_tcp_server_listen_local(mp_tcp_server *server, const mp_local_name *name);

/* The name where it listens, or will listen; NULL: at an IP address, or not at all. */
const mp_local_name *mp_tcp_server_local_name(const mp_tcp_server *server);

/* The same as mp_tcp_server_listen for a staged server whose address overlaps that of `old`, which listens at
   the same port. It claims `old`, unless another server has claimed it. */
enum mp_fault mp_tcp_server_replace(mp_tcp_server *server, mp_tcp_server *old, const mp_address *address,
                                    uint16_t port);

/* A staged server will now accept: lets clients connect. Does nothing if they can already. */
enum mp_fault mp_tcp_server_open(mp_tcp_server *server);

/* True if `server` listens as the result of listen with these arguments, and no server claims it. */
bool mp_tcp_server_can_be_claimed(const mp_tcp_server *server, const mp_endpoint *endpoint);

/* True if it listens with this descriptor, and no server claims it. */
bool mp_tcp_server_can_be_adopted(const mp_tcp_server *server, int fd);

/* `server` will take over `old`'s listener; until then it returns `old`'s address as its own. The object must
   be held. */
void mp_tcp_server_claim(mp_tcp_server *server, mp_tcp_server *old);

/* Cancels a claim; does nothing if the server claims none. */
void mp_tcp_server_unclaim(mp_tcp_server *server);

/* Takes over the claimed server's listener: descriptor, backlog, pending and open connections move in O(1);
   the old server no longer listens. A server with its own descriptor continues with it, and for a moment also
   accepts the clients of the old one. */
void mp_tcp_server_take_over(mp_tcp_server *server);

/* QTcpServer::setSocketDescriptor: adopts a descriptor in listen(2) state. */
enum mp_fault mp_tcp_server_set_descriptor(mp_tcp_server *server, int fd);

/* QTcpServer::close: closes pending connections; those already taken continue. */
void mp_tcp_server_close(mp_tcp_server *server);

/* Where it listens, or will listen. */
static inline const mp_listener *mp_tcp_server_listener(const mp_tcp_server *server) {
    bool takes_all = server->claims && server->listener->watcher.fd < 0;
    return takes_all ? server->claims->listener : server->listener;
}

static inline bool mp_tcp_server_is_listening(const mp_tcp_server *server) {
    return mp_tcp_server_listener(server)->watcher.fd >= 0;
}

int mp_tcp_server_descriptor(const mp_tcp_server *server);

/* Null and 0 unless listening; ANY for a dual-stack listener. */
void mp_tcp_server_address(const mp_tcp_server *server, mp_address *address, uint16_t *port);

/* QTcpServer::nextPendingConnection: the oldest, or NULL. Taking one makes room, so that accepting
   continues. */
mp_stream *mp_tcp_server_next_pending(mp_tcp_server *server);
bool mp_tcp_server_has_pending(const mp_tcp_server *server);

/* What `admit` does where it is NULL: the connection is pending at once. */
void mp_tcp_server_admit_at_once(mp_tcp_server *server, mp_stream *stream, int fd);

/* Signals that one more connection is pending. */
void mp_tcp_server_offer(mp_tcp_server *server);

/* Call it after a change of max_pending, max_connections, paused, waiting, staged: starts or stops
   accepting. */
void mp_tcp_server_update(mp_tcp_server *server);

/* Sets how many connections one address may have, and how many of these may be in their handshakes; 0: no
   limit. More are refused: closed at once, before there is an object for them. An IPv6 address counts by
   its first 64 bits. Open connections count, and stay. Returns 0 or -ENOMEM with nothing changed. */
int mp_tcp_server_limit_addresses(mp_tcp_server *server, uint32_t connections, uint32_t handshakes);

/* QTcpServer::resumeAccepting; also ends the pause after acceptError. */
void mp_tcp_server_resume(mp_tcp_server *server);

/* True if a connection of the network's servers has a peer with another address. Looks at no more than
   `most` connections of each server. */
bool mp_tcp_server_has_other_peer(const mp_network *network, const mp_address *address, unsigned most);

/* The server after `previous` (NULL: the first), or NULL. */
mp_tcp_server *mp_tcp_server_next(mp_network *network, const mp_tcp_server *previous);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Sets up a fresh server of a class that is based on this one; its behaviour has the parts below. Returns 0
   or -ENOMEM. */
int mp_tcp_server_init_as(mp_tcp_server *server, mp_network *network, const mp_behaviour *behaviour);
bool mp_tcp_server_is_active(const mp_object *object);
void mp_tcp_server_close_object(mp_object *object);
void mp_tcp_server_wind_down(mp_object *object);

/* The part of mp_tcp_server_listen after the socket listens, or is bound. */
void mp_tcp_server_start_listening(mp_tcp_server *server, int fd);

/* The parts of mp_tcp_server_open, and of adopting a descriptor, for Unix-domain sockets. */
enum mp_fault mp_tcp_server_open_local(mp_tcp_server *server);
enum mp_fault mp_tcp_server_note_local_name(mp_tcp_server *server, int fd);

/* After a hand-over: gives the file the access that this server wants. */
void mp_tcp_server_renew_access(mp_tcp_server *server, const mp_tcp_server *old);

/* Sets up a listener that doesn't listen yet, and what a server needs to accept. Returns 0 or -ENOMEM. */
int mp_tcp_server_init_accepting(mp_tcp_server *server, mp_network *network);

/* The listener counts by address: counts a client of `peer`. False: that is one too many, and `fd` is
   closed. */
bool mp_tcp_server_count(mp_tcp_server *server, const mp_address *peer, int fd);

/* A client that was counted is gone. */
void mp_tcp_server_uncount(mp_listener *listener, const mp_address *peer);

/* For `admit`, and for the end of what it began: an accepted connection is in its handshake, or no longer. */
void mp_tcp_server_shakes(const mp_stream *stream, bool begins);

/* After a hand-over: the listener counts by address if this server has limits for that. */
void mp_tcp_server_keep_counts(mp_tcp_server *server, mp_listener *from);

/* Accepts one more connection, or the one in the listener's `kept`; false if there is none or the server may
   not accept. */
bool mp_tcp_server_accept_one(mp_tcp_server *server);

/* Ends the pause of a server whose accepting failed, if there is one; update must follow. */
void mp_tcp_server_end_shortage(mp_tcp_server *server);

#endif
