/*
 * TCP servers with QTcpServer's semantics. What accepts and what the connections belong to is the listener,
 * so that a reload can hand it from one server to another in one step.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TCP_SERVER_H
#define MP_TCP_SERVER_H

#include "data/endpoint.h"
#include "net/listener.h"

/* Begins with its object. Private to host/ but for `object`, `fault`, `listener`, `claims`, `claimed_by`,
   `lost` (read only) and, with mp_tcp_server_update after a change, `max_pending`, `max_connections`,
   `paused`, `waiting`, `staged`; `backlog` is for the next listen. */
struct mp_tcp_server {
    mp_object object; /* first */
    mp_listener *listener;
    uint8_t fault;
    bool paused;       /* pauseAccepting */
    bool told_starved; /* acceptError was signalled, and there was no time since when nobody waited */
    uint16_t waiting;  /* suspended waitForNewConnection calls: they accept although paused */
    int max_pending;
    int backlog;
    size_t max_connections;             /* 0 = no limit */
    mp_ring link;                       /* among the loop's servers */
    mp_tcp_server *claims, *claimed_by; /* whose listener it will take over, and the other way round */
    mp_endpoint requested;              /* what listen was asked for */
    bool adopted;                       /* listens by setSocketDescriptor: nothing was asked for */
    bool staged;                        /* doesn't accept yet */
    bool bound;           /* its own descriptor is bound alone; mp_tcp_server_open does the rest */
    bool lost;            /* the one whose listener it was to take over has closed it */
    mp_starving starving; /* accepting has failed: tried again when a descriptor is free */
    ev_timer retry;
};

/* By which an object tells its kind. */
extern const mp_behaviour mp_tcp_server_behaviour;

/* A fresh server. Returns 0 or -ENOMEM. */
int mp_tcp_server_init(mp_tcp_server *server, mp_network *network);

/* Stops listening, aborts what is pending; open connections live on without a server. No upcall follows. */
void mp_tcp_server_destroy(mp_tcp_server *server);

/*
 * QTcpServer::listen. ANY listens on IPv6 and IPv4 with one socket (0.0.0.0 where there is no IPv6), a Null
 * address like 0.0.0.0; port 0 lets the system choose. SO_REUSEADDR is set. The object must be held. A staged
 * server is only bound, so that nobody can connect before it accepts. Faults: ALREADY_LISTENING (the server's
 * fault stays), ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, PROTECTED, RESOURCE, …
 */
enum mp_fault mp_tcp_server_listen(mp_tcp_server *server, const mp_address *address, uint16_t port);

/* The same for a staged server where the address overlaps that of `old`, which listens at the same port; it
   claims that one, unless another has done so. */
enum mp_fault mp_tcp_server_replace(mp_tcp_server *server, mp_tcp_server *old, const mp_address *address,
                                    uint16_t port);

/* A staged server is about to accept: clients may connect from now on. Does nothing if they may already. */
enum mp_fault mp_tcp_server_open(mp_tcp_server *server);

/* Is `server` listening as the result of listen with these arguments, and claimed by nobody? */
bool mp_tcp_server_can_be_claimed(const mp_tcp_server *server, const mp_address *address, uint16_t port);

/* Is it listening with this descriptor, and claimed by nobody? */
bool mp_tcp_server_can_be_adopted(const mp_tcp_server *server, int fd);

/* `server` will take over `old`'s listener; until then it tells its address as its own. The object must be
   held. */
void mp_tcp_server_claim(mp_tcp_server *server, mp_tcp_server *old);

/* Takes that back; does nothing to a server that claims none. */
void mp_tcp_server_unclaim(mp_tcp_server *server);

/* Does so: descriptor, backlog, pending and open connections change hands in O(1); the old server no longer
   listens. A server with a descriptor of its own goes on with that, and accepts for a moment also who has
   come to the old one's. */
void mp_tcp_server_take_over(mp_tcp_server *server);

/* QTcpServer::setSocketDescriptor: adopts a descriptor in listen(2) state. */
enum mp_fault mp_tcp_server_set_descriptor(mp_tcp_server *server, int fd);

/* QTcpServer::close: pending connections are closed, those already taken live on. */
void mp_tcp_server_close(mp_tcp_server *server);

/* Where it listens, or will. */
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

/* QTcpServer::nextPendingConnection: the oldest, or NULL. Taking one makes room, so that accepting goes
   on. */
mp_stream *mp_tcp_server_next_pending(mp_tcp_server *server);
bool mp_tcp_server_has_pending(const mp_tcp_server *server);

/* After a change of max_pending, max_connections, paused, waiting, staged: accepts or rests accordingly. */
void mp_tcp_server_update(mp_tcp_server *server);

/* QTcpServer::resumeAccepting; also ends the rest after acceptError. */
void mp_tcp_server_resume(mp_tcp_server *server);

/* Is one of the connections of the network's servers with a peer of another address? So many of each server's
   are looked at. */
bool mp_tcp_server_has_other_peer(const mp_network *network, const mp_address *address, unsigned most);

/* The server after `previous` (NULL: the first), or NULL. */
mp_tcp_server *mp_tcp_server_next(mp_network *network, const mp_tcp_server *previous);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* A listener, which doesn't listen yet, and what a server needs to accept. Returns 0 or -ENOMEM. */
int mp_tcp_server_init_accepting(mp_tcp_server *server, mp_network *network);

/* Accepts one more connection, also one that was put into the listener's `kept`; false when there is none or
   something stands in the way. */
bool mp_tcp_server_accept_one(mp_tcp_server *server);

/* Ends the rest of a server whose accepting failed, if it is one; update follows. */
void mp_tcp_server_end_shortage(mp_tcp_server *server);

#endif
