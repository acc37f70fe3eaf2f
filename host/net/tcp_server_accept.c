/*
 * Accepting: when a server accepts, how many connections in a turn, and what prevents it. See tcp_server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <errno.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "net/lent.h"
#include "net/overload.h"
#include "net/stream.h"
#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "system/system.h"

/* The most connections that one wake-up accepts, before others get their turn. */
#define MOST_ACCEPTS 64

/* Something outside the loop may free descriptors: tries again after so many seconds. */
#define RETRY_SECONDS 0.5

/* The most clients in a row that left before they were accepted. */
#define MOST_GONE 64

static bool may_accept(const mp_tcp_server *server) {
    const mp_listener *listener = server->listener;
    return listener->watcher.fd >= 0 && !server->staged && (!server->paused || server->waiting > 0) &&
           !server->starving.link.next && server->max_pending > 0 &&
           listener->pending_count < (size_t)server->max_pending &&
           (server->max_connections == 0 ||
            listener->pending_count + listener->open_count + listener->entering_count <
                server->max_connections);
}

void mp_tcp_server_update(mp_tcp_server *server) {
    mp_listener *listener = server->listener;
    bool accept = may_accept(server);
    if (accept == (ev_is_active(&listener->watcher) != 0))
        return;
    mp_listener_watch_lent(listener, accept);
    if (!accept) {
        ev_io_stop(listener->network->loop.ev, &listener->watcher);
        return;
    }
    mp_loop_watch(&listener->network->loop, &listener->watcher);
    if (listener->kept >= 0) /* the poll doesn't report it */
        ev_feed_event(listener->network->loop.ev, &listener->watcher, EV_READ);
}

/* A pause, or a reported shortage, belonged to the previous listening. */
void mp_tcp_server_start_listening(mp_tcp_server *server, int fd) {
    mp_descriptor_own(mp_network_of(server->object.loop), fd);
    server->paused = server->told_starved = false;
    ev_io_set(&server->listener->watcher, fd, EV_READ);
    mp_tcp_server_update(server);
}

/* --- shortages ------------------------------------------------------------------------------------------ */

static void on_retry(struct ev_loop *ev, ev_timer *timer, int revents) {
    (void)ev;
    (void)revents;
    mp_descriptor_freed(mp_network_of(((mp_tcp_server *)timer->data)->object.loop));
}

void mp_tcp_server_end_shortage(mp_tcp_server *server) {
    mp_descriptor_stop_awaiting(&server->starving);
    ev_timer_stop(server->object.loop->ev, &server->retry);
}

static void on_freed(mp_starving *starving) {
    mp_tcp_server *server = MP_CONTAINER(starving, mp_tcp_server, starving);
    mp_tcp_server_end_shortage(server);
    mp_tcp_server_update(server);
}

/* The scarce resource, for the log; 0: the system refuses for another reason. */
static int shortage_of(int error) {
    return error == EMFILE || error == ENFILE ? EMFILE : error == ENOMEM || error == ENOBUFS ? ENOMEM : 0;
}

/* Accepting fails: signals that once, pauses, and tries again when something was closed, and every half a
   second (D5). */
static void rest(mp_tcp_server *server, int error) {
    enum mp_fault fault = mp_fault_from_errno(MP_ATTEMPT_ACCEPT, error);
    mp_loop *loop = server->object.loop;
    mp_descriptor_await(mp_network_of(loop), &server->starving);
    ev_timer_set(&server->retry, RETRY_SECONDS, RETRY_SECONDS);
    ev_timer_start(loop->ev, &server->retry);
    mp_tcp_server_update(server);
    if (server->told_starved)
        return;
    server->told_starved = true;
    server->fault = (uint8_t)fault;
    mp_log(loop->log_level, MP_LOG_WARNING,
           shortage_of(error) == EMFILE ? "accept: %s; no connections are accepted until descriptors are free"
           : shortage_of(error) == ENOMEM ? "accept: %s; no connections are accepted until there is memory"
                                          : "accept: %s; accepting is tried twice a second",
           mp_fault_text(fault));
    mp_object_emit(&server->object, MP_SIGNAL_ACCEPT_ERROR, fault);
}

void mp_tcp_server_resume(mp_tcp_server *server) {
    server->paused = false;
    mp_tcp_server_end_shortage(server);
    mp_tcp_server_update(server);
}

/* --- connections ---------------------------------------------------------------------------------------- */

/* True if accept(2)'s error is about the client, which has left, and not about the server. */
static bool is_gone(int error) {
    switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
#ifdef ENONET
    case ENONET:
#endif
    case EOPNOTSUPP: return true;
    default: return false;
    }
}

/* The next client's descriptor, or -errno. A client that was kept for lack of a socket comes first. */
static int next_client(mp_listener *listener, mp_address *peer, uint16_t *port) {
    int fd = listener->kept;
    if (fd < 0)
        return mp_system_accept(listener->watcher.fd, peer, port);
    listener->kept = -1;
    *peer = listener->kept_peer;
    *port = listener->kept_port;
    return fd;
}

bool mp_tcp_server_accept_one(mp_tcp_server *server) {
    mp_listener *listener = server->listener;
    mp_network *network = listener->network;
    mp_address peer;
    uint16_t port;
    if (!mp_reserve_is_whole()) {
        rest(server, ENOMEM);
        return false;
    }
    int fd = next_client(listener, &peer, &port);
    if (fd == -EAGAIN || fd == -EWOULDBLOCK) {
        server->told_starved = false; /* nobody waits any more: the next shortage is a new one */
        return false;
    }
    /* So many in a row are not a coincidence: accepting would never end. */
    if (fd < 0 && is_gone(-fd) && ++listener->gone < MOST_GONE)
        return true;
    listener->gone = 0;
    if (fd < 0) {
        rest(server, -fd);
        return false;
    }
    if (network->overload.refuses) {
        mp_overload_refuse(network, fd, MP_REFUSED_BUFFERS, &peer, listener->port);
        return true;
    }
    if (listener->addresses && !mp_tcp_server_count(server, &peer, fd))
        return true;
    mp_stream *stream = network->upcalls->accept(server);
    if (!stream) {
        mp_tcp_server_uncount(listener, &peer);
        listener->kept = fd;
        listener->kept_peer = peer;
        listener->kept_port = port;
        rest(server, ENOMEM);
        return false;
    }
    network->traffic.accepted++;
    mp_tcp_socket_set_peer((mp_tcp_socket *)stream, &peer, port);
    mp_descriptor_own(network, fd);
    if (server->admit)
        server->admit(server, stream, fd);
    else
        mp_tcp_server_admit_at_once(server, stream, fd);
    mp_tcp_server_update(server);
    return true;
}

void mp_tcp_server_admit_at_once(mp_tcp_server *server, mp_stream *stream, int fd) {
    mp_listener *listener = server->listener;
    assert(fd >= 0 && stream->state == MP_STATE_UNCONNECTED);
    mp_listener_add(listener, stream);
    mp_stream_accepted(stream, listener, fd);
    /* Data that the client has already sent is received after the handlers below, without another wait in the
       poll. */
    ev_feed_event(listener->network->loop.ev, &stream->watcher, EV_READ);
    mp_tcp_server_offer(server);
}

void mp_tcp_server_offer(mp_tcp_server *server) {
    mp_object_emit(&server->object, MP_SIGNAL_PENDING_AVAILABLE, 0);
    mp_object_emit(&server->object, MP_SIGNAL_NEW_CONNECTION, 0);
}

/*
 * How many connections a wake-up tries to accept: as many as there were last time, because an accept that
 * finds nobody costs nearly as much as another one (docs/performance.md). The number doubles if some seem to
 * be left: the listener is ready again in the next turn. After a shortage, all are tried, so that its end is
 * noticed.
 */
static uint8_t accepts_for(mp_listener *listener) {
    uint64_t turn = listener->network->loop.iterations;
    if (turn - listener->woken == 1)
        listener->accepts = listener->accepts < MOST_ACCEPTS / 2 ? listener->accepts * 2 : MOST_ACCEPTS;
    listener->woken = turn;
    return listener->server->told_starved ? MOST_ACCEPTS : listener->accepts;
}

/* The handlers run after each connection, so that a taken one makes room for the next. */
static void on_connection(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_listener *listener = watcher->data;
    mp_loop *loop = &listener->network->loop;
    uint8_t accepts = accepts_for(listener);
    (void)ev;
    listener->references++;
    if (revents & EV_ERROR) { /* the poll can't watch it; libev has stopped the watcher */
        /* Otherwise libev takes a watcher that is restarted in this very turn for one that it already
           watches. */
        ev_io_set(watcher, watcher->fd, EV_READ);
        rest(listener->server, ENOMEM);
        mp_loop_settle(loop);
    }
    for (uint8_t i = 0; i < accepts && listener->server && ev_is_active(&listener->watcher); i++) {
        bool accepted = mp_tcp_server_accept_one(listener->server);
        mp_loop_settle(loop);
        if (!accepted) {
            listener->accepts = i > 0 ? i : 1;
            break;
        }
    }
    /* The server was closed meanwhile, and all its connections ended: only this turn's reference held
       it. */
    mp_tcp_server *server = listener->server;
    mp_listener_unreference(listener);
    if (server && !mp_tcp_server_is_listening(server)) {
        mp_object_check(&server->object);
        mp_loop_settle(loop);
    }
}

/* The same on a lent descriptor. A client that is accepted there becomes the listener's next one. */
static void on_lent(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_listener *listener = watcher->data;
    mp_loop *loop = &listener->network->loop;
    bool goes_on = !(revents & EV_ERROR);
    listener->references++;
    if (!goes_on)
        rest(listener->server, ENOMEM);
    for (int i = 0; goes_on && i < MOST_ACCEPTS; i++) {
        int fd = listener->kept >= 0
                     ? -EAGAIN
                     : mp_system_accept(watcher->fd, &listener->kept_peer, &listener->kept_port);
        if (fd >= 0)
            listener->kept = fd;
        else if (fd == -EINVAL)
            ev_io_stop(ev, watcher); /* its owner listens there no longer, and the loan is about to end */
        else if (fd != -EAGAIN && !is_gone(-fd))
            rest(listener->server, -fd);
        goes_on = fd >= 0 && mp_tcp_server_accept_one(listener->server);
        mp_loop_settle(loop);
        goes_on = goes_on && listener->server && listener->lent && ev_is_active(&listener->watcher);
    }
    mp_listener_unreference(listener);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void on_left(mp_listener *listener, const mp_stream *stream, bool entering) {
    if (entering)
        mp_tcp_server_shakes(stream, false);
    mp_tcp_server_uncount(listener, &((const mp_tcp_socket *)stream)->peer);
    mp_tcp_server_update(listener->server);
}

int mp_tcp_server_init_accepting(mp_tcp_server *server, mp_network *network) {
    mp_listener *listener = mp_listener_new(network, on_connection);
    if (!listener)
        return -ENOMEM;
    listener->server = server;
    listener->left = on_left;
    listener->lent_ready = on_lent;
    server->listener = listener;
    server->starving.freed = on_freed;
    ev_timer_init(&server->retry, on_retry, 0., 0.);
    server->retry.data = server;
    return 0;
}
