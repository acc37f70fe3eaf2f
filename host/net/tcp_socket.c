/*
 * TCP sockets: life, states and closing. Reading, writing, connecting, the limits, and the descriptor with its addresses
 * have files of their own.
 *
 * A close is a sequence of signals with a state of its own each (reference section 3.3). Where the loop causes it, each
 * change of state waits as a step in the queue behind the signal before it, so that a handler sees the state that Qt
 * would show, and a handler that does something else with the socket ends the sequence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/tcp_socket_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/descriptor.h"
#include "net/linger.h"
#include "system/system.h"
#include "net/tcp_server.h"

static bool is_active(const mp_object *object) {
    const mp_tcp_socket *socket = (const mp_tcp_socket *)object;
    return socket->state != MP_STATE_UNCONNECTED || socket->watcher.fd >= 0 || (socket->flags & FLAG_PENDING);
}

static void mark_dirty(mp_tcp_socket *socket) {
    if (socket->out.bytes == 0 || (socket->flags & FLAG_DIRTY))
        return;
    socket->flags |= FLAG_DIRTY;
    mp_loop_mark_dirty(socket->object.loop, socket);
}

static bool is_connecting(const mp_tcp_socket *socket) {
    return socket->state == MP_STATE_HOST_LOOKUP || socket->state == MP_STATE_CONNECTING;
}

static void try_close(mp_tcp_socket *socket);

static void step(mp_object *object, int number) {
    mp_tcp_socket *socket = (mp_tcp_socket *)object;
    switch (number) {
    case STEP_ATTEMPT: mp_tcp_socket_attempt(socket); break;
    case STEP_CONNECTED:
        if (socket->state == MP_STATE_CONNECTED && (socket->flags & FLAG_UNANNOUNCED))
            mp_loop_emit(object, MP_SIGNAL_CONNECTED, 0);
        mp_loop_defer(object, STEP_ANNOUNCED);
        break;
    case STEP_ANNOUNCED:
        socket->flags &= ALL_BUT(FLAG_UNANNOUNCED);
        if (socket->state == MP_STATE_CONNECTED) {
            if (socket->flags & FLAG_CLOSE_CONNECTED)
                mp_loop_defer(object, STEP_CLOSE_CONNECTED);
            mp_tcp_socket_end_writing(socket);
        }
        mark_dirty(socket);
        break;
    case STEP_CLOSE_CONNECTED:
        if (is_connecting(socket))
            break; /* a handler of `connected` has begun another connection */
        socket->flags &= ALL_BUT(FLAG_CLOSE_CONNECTED);
        if (socket->state == MP_STATE_CONNECTED)
            mp_tcp_socket_disconnect(socket);
        mark_dirty(socket);
        break;
    case STEP_CLOSING:
        if (socket->state != MP_STATE_CONNECTED || socket->phase == PHASE_OPEN)
            break;
        mp_tcp_socket_set_state(socket, MP_STATE_CLOSING);
        mp_loop_defer(object, STEP_CLOSE);
        break;
    case STEP_CLOSE: try_close(socket); break;
    case STEP_FORGET:
        if (socket->flags & FLAG_FINAL)
            mp_tcp_socket_forget_addresses(socket);
        break;
    }
}

const mp_behaviour mp_tcp_socket_behaviour = {MP_TCP_SOCKET, is_active, step};

static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_tcp_socket *socket = watcher->data;
    mp_loop *loop = socket->object.loop;
    if (revents & EV_READ)
        mp_tcp_socket_on_readable(socket);
    if ((revents & EV_WRITE) && (socket->flags & FLAG_SHORT_WRITE))
        mp_tcp_socket_on_writable(socket);
    /* Last: once handlers have run, the socket may be gone. */
    if (mp_tcp_socket_is_batch_full(loop))
        mp_tcp_socket_deliver(loop);
    else if (!ev_is_pending(&loop->received))
        ev_feed_event(ev, &loop->received, EV_CUSTOM);
}

void mp_tcp_socket_init(mp_tcp_socket *socket, mp_loop *loop) {
    memset(socket, 0, sizeof *socket);
    mp_object_init(&socket->object, loop, &mp_tcp_socket_behaviour);
    ev_io_init(&socket->watcher, on_event, -1, 0);
    socket->watcher.data = socket;
    mp_address_set_null(&socket->peer);
}

mp_socket_extras *mp_tcp_socket_need_extras(mp_tcp_socket *socket) {
    if (!socket->extras) {
        socket->extras = calloc(1, sizeof *socket->extras);
        if (socket->extras)
            mp_address_set_null(&socket->extras->local);
    }
    return socket->extras;
}

void mp_tcp_socket_shut(mp_tcp_socket *socket, bool gently) {
    mp_loop *loop = socket->object.loop;
    int fd = socket->watcher.fd;
    mp_tcp_socket_cancel_connect(socket);
    ev_io_stop(loop->ev, &socket->watcher);
    if (socket->extras)
        mp_idle_unwatch(&socket->extras->idle);
    mp_write_queue_clear(&socket->out, loop);
    if (socket->flags & FLAG_ARRIVED)
        mp_tcp_socket_drop_arrival(socket);
    if (fd >= 0) {
        ev_io_set(&socket->watcher, -1, 0);
        if (!gently || !mp_linger(loop, fd))
            mp_descriptor_close(loop, fd);
        mp_listener_descriptor_freed(loop);
    }
    if (socket->flags & FLAG_COUNTED)
        loop->statistics.connections--;
    mp_listener_remove(socket, false);
    socket->flags &= FLAG_DIRTY | FLAG_OWN_LIMITS | FLAG_TRANSACTION | FLAG_FINISHED_TOLD | FLAG_READ_ENDED |
                     FLAG_PENDING | FLAG_WAS_CONNECTED;
    socket->phase = PHASE_OPEN;
}

void mp_tcp_socket_destroy(mp_tcp_socket *socket) {
    mp_loop *loop = socket->object.loop;
    mp_listener_remove(socket, true);
    mp_tcp_socket_shut(socket, false);
    mp_tcp_socket_detach(socket);
    if (socket->flags & FLAG_DIRTY) {
        mp_tcp_socket **place = &loop->dirty_head, *before = NULL;
        for (; *place && *place != socket; place = &(*place)->next_dirty)
            before = *place;
        if (*place)
            *place = socket->next_dirty;
        if (loop->dirty_tail == socket)
            loop->dirty_tail = before;
    }
    if (loop->receiver == socket)
        loop->receiver = NULL;
    mp_tcp_socket_drop_input(socket);
    if (socket->extras) {
        free(socket->extras->peer_name);
        free(socket->extras);
        socket->extras = NULL;
    }
    socket->state = MP_STATE_UNCONNECTED;
    mp_object_destroy(&socket->object);
}

void mp_tcp_socket_vanish(mp_tcp_socket *socket) {
    mp_listener_remove(socket, true);
    mp_tcp_socket_shut(socket, false);
    mp_tcp_socket_drop_input(socket);
    socket->state = MP_STATE_UNCONNECTED;
    socket->open_mode = MP_NOT_OPEN;
    mp_object_check(&socket->object);
}

/* --- states ---------------------------------------------------------------------------------------------------- */

void mp_tcp_socket_set_state(mp_tcp_socket *socket, enum mp_socket_state state) {
    socket->state = state & 15;
    mp_loop_emit(&socket->object, MP_SIGNAL_STATE_CHANGED, (intptr_t)state);
}

void mp_tcp_socket_update_watcher(mp_tcp_socket *socket) {
    const uint32_t deaf = FLAG_READ_ENDED | FLAG_THROTTLED | FLAG_READ_FULL;
    struct ev_loop *ev = socket->object.loop->ev;
    int events = 0;
    if (socket->watcher.fd < 0)
        return;
    if (socket->state == MP_STATE_CONNECTED && !(socket->flags & deaf))
        events |= EV_READ;
    if (socket->flags & FLAG_SHORT_WRITE)
        events |= EV_WRITE;
    if ((socket->watcher.events & (EV_READ | EV_WRITE)) == events &&
        ev_is_active(&socket->watcher) == (events != 0))
        return;
    ev_io_stop(ev, &socket->watcher);
    ev_io_set(&socket->watcher, socket->watcher.fd, events);
    if (events)
        ev_io_start(ev, &socket->watcher);
}

/* What has come and is only to be received is no silence of the peer's: a turn takes a part of what is ready. */
static void idle_is_due(mp_idle *idle) {
    mp_tcp_socket *socket = MP_CONTAINER(idle, mp_socket_extras, idle)->idle_socket;
    if (ev_is_active(&socket->watcher) && (socket->watcher.events & EV_READ) &&
        mp_system_unread(socket->watcher.fd) > 0)
        mp_idle_touch(idle);
    else
        mp_tcp_socket_fail(socket, MP_FAULT_IDLE_TIMEOUT);
}

int mp_tcp_socket_watch_idle(mp_tcp_socket *socket, double msec) {
    if (msec > 0) {
        if (!mp_tcp_socket_need_extras(socket))
            return -ENOMEM;
        socket->extras->idle_socket = socket;
        mp_idle_watch(&socket->extras->idle, socket->object.loop, msec, idle_is_due);
    } else if (socket->extras) {
        mp_idle_unwatch(&socket->extras->idle);
    }
    return 0;
}

void mp_tcp_socket_established(mp_tcp_socket *socket, int fd) {
    mp_loop *loop = socket->object.loop;
    socket->flags &= FLAG_DIRTY | FLAG_OWN_LIMITS | FLAG_TRANSACTION | FLAG_CLOSE_CONNECTED | FLAG_PLAIN |
                     FLAG_PENDING | FLAG_WRITE_CLOSED;
    socket->flags |= FLAG_COUNTED | FLAG_WAS_CONNECTED;
    socket->phase = PHASE_OPEN;
    loop->statistics.connections++;
    if (!socket->listener)
        mp_ring_append(&loop->outgoing, &socket->link);
    ev_io_stop(loop->ev, &socket->watcher);
    ev_io_set(&socket->watcher, fd, EV_READ);
    ev_io_start(loop->ev, &socket->watcher);
    if (mp_tcp_socket_watch_idle(socket, mp_tcp_socket_limits(socket)->idle_timeout) < 0)
        mp_tcp_socket_fail(socket, MP_FAULT_RESOURCE);
}

void mp_tcp_socket_accepted(mp_tcp_socket *socket, mp_listener *listener, int fd) {
    socket->listener = listener;
    socket->open_mode = MP_READ_WRITE;
    socket->state = MP_STATE_CONNECTED;
    socket->flags |= FLAG_PENDING;
    mp_tcp_socket_established(socket, fd);
}

/* The last part of every close: UnconnectedState, and the signals that belong to it. */
static void finish(mp_tcp_socket *socket, bool gently) {
    bool was_connected = socket->state == MP_STATE_CONNECTED || socket->state == MP_STATE_CLOSING;
    uint32_t told = socket->flags & FLAG_FINISHED_TOLD;
    const uint32_t closing = MP_SIGNAL_BIT(MP_SIGNAL_DISCONNECTED) | MP_SIGNAL_BIT(MP_SIGNAL_STATE_CHANGED) |
                             MP_SIGNAL_BIT(MP_SIGNAL_READ_CHANNEL_FINISHED);
    mp_object *object = &socket->object;
    /* The handlers may ask for the local address, which goes with the descriptor. */
    if ((object->awaited || (object->loop->wanted & closing)) && socket->watcher.fd >= 0 &&
        mp_tcp_socket_need_extras(socket))
        (void)mp_system_local_address(socket->watcher.fd, &socket->extras->local,
                                      &socket->extras->local_port);
    mp_tcp_socket_shut(socket, gently);
    socket->flags |= FLAG_FINAL | FLAG_FINISHED_TOLD | FLAG_READ_ENDED;
    mp_tcp_socket_set_state(socket, MP_STATE_UNCONNECTED);
    if (!told)
        mp_loop_emit(object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
    if (was_connected)
        mp_loop_emit(object, MP_SIGNAL_DISCONNECTED, 0);
    mp_loop_defer(object, STEP_FORGET);
}

/* Ends a ClosingState whose work is done. */
static void try_close(mp_tcp_socket *socket) {
    if (socket->state != MP_STATE_CLOSING || socket->out.bytes > 0)
        return;
    if (socket->phase == PHASE_REMOTE_CLOSE && (socket->object.at_work > 0 || (socket->flags & FLAG_PENDING)))
        return;
    finish(socket,
           !(socket->flags & (FLAG_READ_ENDED | FLAG_WRITE_FAILED | FLAG_PLAIN)) && socket->bytes_sent > 0);
}

void mp_tcp_socket_handler_ended(mp_tcp_socket *socket) {
    if (socket->state == MP_STATE_CLOSING && socket->phase == PHASE_REMOTE_CLOSE)
        mp_loop_defer(&socket->object, STEP_CLOSE);
}

void mp_tcp_socket_both_ended(mp_tcp_socket *socket) {
    socket->phase = PHASE_REMOTE_CLOSE;
    mp_loop_defer(&socket->object, STEP_CLOSING);
}

void mp_tcp_socket_remote_closed(mp_tcp_socket *socket, enum mp_fault fault, bool orderly) {
    if (socket->phase == PHASE_REMOTE_CLOSE && !orderly) {
        socket->phase = PHASE_BROKEN;
        mp_loop_defer(&socket->object, STEP_CLOSE);
    }
    if (socket->phase == PHASE_REMOTE_CLOSE || socket->phase == PHASE_BROKEN)
        return;
    socket->flags |= FLAG_READ_ENDED;
    mp_tcp_socket_update_watcher(socket);
    if (orderly && mp_tcp_socket_limits(socket)->half_open && socket->state == MP_STATE_CONNECTED) {
        socket->flags |= FLAG_FINISHED_TOLD;
        mp_loop_emit(&socket->object, MP_SIGNAL_READ_CHANNEL_FINISHED, 0);
        if (socket->flags & FLAG_WRITE_CLOSED)
            mp_tcp_socket_both_ended(socket);
        return;
    }
    socket->fault = (uint8_t)fault;
    mp_loop_emit(&socket->object, MP_SIGNAL_ERROR_OCCURRED, fault);
    if (socket->state == MP_STATE_CONNECTED) {
        socket->phase = orderly ? PHASE_REMOTE_CLOSE : PHASE_BROKEN;
        if (!orderly)
            mp_tcp_socket_drop_output(socket);
        mp_loop_defer(&socket->object, STEP_CLOSING);
    } else {
        mp_loop_defer(&socket->object, STEP_CLOSE);
    }
}

void mp_tcp_socket_disconnect(mp_tcp_socket *socket) {
    switch (socket->state) {
    case MP_STATE_UNCONNECTED: break;
    case MP_STATE_HOST_LOOKUP:
    case MP_STATE_CONNECTING: socket->flags |= FLAG_CLOSE_CONNECTED; break;
    case MP_STATE_BOUND:
        mp_loop_emit(&socket->object, MP_SIGNAL_STATE_CHANGED, MP_STATE_CLOSING);
        finish(socket, false);
        break;
    case MP_STATE_CONNECTED:
        mp_tcp_socket_set_state(socket, MP_STATE_CLOSING);
        mp_tcp_socket_update_watcher(socket);
        /* fall through */
    default: socket->phase = PHASE_LOCAL_CLOSE; try_close(socket);
    }
}

/* QIODevice::close: the device is no longer open, its input is dropped. */
static void close_device(mp_tcp_socket *socket) {
    if (socket->open_mode == MP_NOT_OPEN)
        return;
    mp_loop_emit(&socket->object, MP_SIGNAL_ABOUT_TO_CLOSE, 0);
    socket->open_mode = MP_NOT_OPEN;
    socket->flags &= ALL_BUT(FLAG_TRANSACTION | FLAG_WAS_CONNECTED | FLAG_OPENED);
    mp_tcp_socket_drop_input(socket);
}

void mp_tcp_socket_open(mp_tcp_socket *socket, int open_mode) {
    mp_tcp_socket_drop_input(socket);
    socket->flags &= ALL_BUT(FLAG_TRANSACTION | FLAG_READ_FULL);
    socket->flags |= FLAG_OPENED;
    socket->fault = MP_FAULT_NONE;
    socket->open_mode = (uint8_t)open_mode;
    mp_tcp_socket_drop_output(socket);
    if (socket->state == MP_STATE_CLOSING)
        mp_loop_defer(&socket->object, STEP_CLOSE);
}

/* Not while errorOccurred tells of the end and the state is still Connected: a handler that waits again as long as the
   socket is Connected would never let the state move on. */
bool mp_tcp_socket_at_end(const mp_tcp_socket *socket) {
    bool closing = socket->state == MP_STATE_CONNECTED && socket->phase != PHASE_OPEN;
    return ((socket->flags & FLAG_READ_ENDED) && !closing) ||
           (socket->state != MP_STATE_CONNECTED && socket->state != MP_STATE_HOST_LOOKUP &&
            socket->state != MP_STATE_CONNECTING);
}

bool mp_tcp_socket_is_receiving(const mp_tcp_socket *socket) {
    return socket->state == MP_STATE_CONNECTED ||
           (socket->state == MP_STATE_CLOSING && socket->phase != PHASE_LOCAL_CLOSE);
}

bool mp_tcp_socket_read_ended(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_READ_ENDED) != 0;
}

enum mp_fault mp_tcp_socket_end_fault(const mp_tcp_socket *socket) {
    switch (socket->fault) {
    case MP_FAULT_NONE:
    case MP_FAULT_WAIT_TIMEOUT:
    case MP_FAULT_UNFINISHED:
    case MP_FAULT_READ_BUFFER_FULL:
    case MP_FAULT_INVALID_DESCRIPTOR:
    case MP_FAULT_BUSY: break;
    default: return socket->fault;
    }
    /* A half-open connection has ended for who reads, although nothing has failed. */
    return socket->state != MP_STATE_UNCONNECTED && mp_tcp_socket_read_ended(socket) ? MP_FAULT_REMOTE_CLOSED
                                                                                     : MP_FAULT_NOT_CONNECTED;
}

bool mp_tcp_socket_connect_failed(const mp_tcp_socket *socket) {
    return socket->state == MP_STATE_UNCONNECTED && socket->fault != MP_FAULT_NONE &&
           !(socket->flags & FLAG_FINISHED_TOLD);
}

mp_tcp_server *mp_tcp_socket_server(const mp_tcp_socket *socket) {
    return socket->listener ? socket->listener->server : NULL;
}

bool mp_tcp_socket_is_pending(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_PENDING) != 0;
}

bool mp_tcp_socket_was_connected(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_WAS_CONNECTED) != 0;
}

bool mp_tcp_socket_was_opened(const mp_tcp_socket *socket) {
    return (socket->flags & FLAG_OPENED) != 0;
}

void mp_tcp_socket_close(mp_tcp_socket *socket) {
    close_device(socket);
    if (socket->state == MP_STATE_UNCONNECTED && socket->watcher.fd >= 0)
        mp_tcp_socket_shut(socket, false); /* a descriptor that was adopted unconnected */
    mp_tcp_socket_disconnect(socket);
}

void mp_tcp_socket_abort(mp_tcp_socket *socket) {
    close_device(socket);
    mp_write_queue_clear(&socket->out, socket->object.loop);
    if (socket->state != MP_STATE_UNCONNECTED || socket->watcher.fd >= 0)
        finish(socket, false);
}

void mp_tcp_socket_fail(mp_tcp_socket *socket, enum mp_fault fault) {
    if (socket->state != MP_STATE_CONNECTED && socket->state != MP_STATE_CLOSING)
        return;
    if (socket->extras)
        mp_idle_unwatch(&socket->extras->idle);
    mp_tcp_socket_drop_output(socket);
    mp_tcp_socket_remote_closed(socket, fault, false);
}
