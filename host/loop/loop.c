/*
 * The loop; see loop.h. Events wait in a ring; the ring grows long before it is full, so that only a machine without
 * any memory can lose one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/buffer.h"
#include "net/linger.h"
#include "resolver/resolver.h"
#include "system/system.h"
#include "net/tcp_server.h"
#include "net/tcp_socket_private.h"
#include "data/write_queue.h"

#define FIRST_EVENTS 256

/* Objects that there are when memory is given back while their number grows, for the first time; then twice as many. */
#define FIRST_TRIM 5120

/* Signals and steps that one settle may deliver beyond those that waited at its start, before other sockets get a turn. */
#define SETTLE_BUDGET 256

struct mp_event {
    mp_object *object; /* NULL: its object has vanished */
    int32_t code;      /* a signal, or MP_SIGNAL_COUNT + step */
    bool muted;
    intptr_t argument;
};

static void on_again(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    ev_idle_stop(ev, watcher);
    mp_loop_settle(loop);
}

static void on_chore(struct ev_loop *ev, ev_idle *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    if (!MP_CONTAINER(watcher, mp_chore, watcher)->run(loop))
        ev_idle_stop(ev, watcher);
    mp_loop_settle(loop);
}

static void on_later(struct ev_loop *ev, ev_timer *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)ev;
    (void)revents;
    loop->run_later(loop);
    mp_loop_settle(loop);
}

static void on_turn(struct ev_loop *ev, ev_prepare *watcher, int revents) {
    mp_loop *loop = watcher->data;
    (void)revents;
    loop->statistics.iterations++;
    if (loop->alive == 0 && loop->event_count == 0)
        ev_break(ev, EVBREAK_ALL);
}

static void on_received(struct ev_loop *ev, ev_prepare *watcher, int revents) {
    (void)ev;
    (void)revents;
    mp_tcp_socket_deliver(watcher->data);
}

int mp_loop_new(const mp_upcalls *upcalls, void *owner, mp_loop **out) {
    mp_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    loop->upcalls = upcalls;
    loop->owner = owner;
    loop->log_level = MP_LOG_INFO;
    loop->events = calloc(FIRST_EVENTS, sizeof *loop->events);
    loop->event_capacity = FIRST_EVENTS;
    loop->trim_at = FIRST_TRIM;
    loop->input = mp_buffer_new(MP_INPUT_SIZE);
    if (!loop->ev || !loop->events || !loop->input)
        goto fail;
    ev_set_userdata(loop->ev, loop);
    loop->input_used = MP_BUFFER_HEADROOM;
    mp_ring_init(&loop->servers);
    mp_ring_init(&loop->outgoing);
    mp_ring_init(&loop->connecting);
    ev_idle_init(&loop->again, on_again);
    loop->again.data = loop;
    for (int i = 0; i < MP_CHORE_TIMES; i++) {
        ev_idle_init(&loop->chores[i].watcher, on_chore);
        ev_set_priority(&loop->chores[i].watcher, i == MP_CHORE_EACH_TURN ? EV_MAXPRI : EV_MINPRI);
        loop->chores[i].watcher.data = loop;
    }
    ev_timer_init(&loop->later, on_later, 0., 0.);
    loop->later.data = loop;
    ev_prepare_init(&loop->received, on_received);
    ev_set_priority(&loop->received, MP_PRIORITY_RECEIVED);
    loop->received.data = loop;
    ev_prepare_init(&loop->turn, on_turn);
    loop->turn.data = loop;
    ev_prepare_start(loop->ev, &loop->turn);
    *out = loop;
    return 0;
fail:
    if (loop->ev)
        ev_loop_destroy(loop->ev);
    free(loop->input);
    free(loop->events);
    free(loop);
    return -ENOMEM;
}

void mp_loop_free(mp_loop *loop) {
    if (!loop)
        return;
    mp_resolver_free(loop->resolver);
    mp_linger_end(loop);
    ev_idle_stop(loop->ev, &loop->again);
    for (int i = 0; i < MP_CHORE_TIMES; i++)
        ev_idle_stop(loop->ev, &loop->chores[i].watcher);
    ev_timer_stop(loop->ev, &loop->later);
    ev_prepare_stop(loop->ev, &loop->turn);
    ev_loop_destroy(loop->ev);
    mp_write_queue_free_spares(loop);
    free(loop->owned);
    if (!loop->input_lent)
        free(loop->input);
    free(loop->events);
    free(loop);
}

void mp_loop_trim(mp_loop *loop) {
    mp_write_queue_free_spares(loop);
    mp_event *events = loop->event_count == 0 ? malloc(FIRST_EVENTS * sizeof *events) : NULL;
    if (events) {
        free(loop->events);
        loop->events = events;
        loop->event_capacity = FIRST_EVENTS;
        loop->event_head = 0;
    }
    mp_system_trim();
}

void mp_loop_lend_input(mp_loop *loop, mp_buffer *buffer) {
    if (!loop->input_lent)
        free(loop->input);
    loop->input = buffer;
    loop->input_lent = true;
}

void mp_loop_run(mp_loop *loop) {
    mp_loop_settle(loop);
    ev_run(loop->ev, 0);
}

void mp_loop_run_once(mp_loop *loop) {
    mp_loop_settle(loop);
    if (loop->alive > 0)
        ev_run(loop->ev, EVRUN_ONCE);
}

void mp_loop_stop(mp_loop *loop) {
    ev_break(loop->ev, EVBREAK_ALL);
}

void mp_loop_close_listeners(mp_loop *loop) {
    for (mp_tcp_server *server = mp_loop_next_server(loop, NULL); server;
         server = mp_loop_next_server(loop, server))
        mp_tcp_server_close(server);
}

void mp_loop_wind_down(mp_loop *loop) {
    loop->winding_down = true;
    for (mp_tcp_server *server = mp_loop_next_server(loop, NULL); server;
         server = mp_loop_next_server(loop, server))
        mp_tcp_server_wind_down(server);
    for (mp_ring *link = loop->outgoing.next, *next; link != &loop->outgoing; link = next) {
        next = link->next;
        mp_tcp_socket_disconnect(MP_CONTAINER(link, mp_tcp_socket, link));
    }
}

bool mp_loop_is_drained(const mp_loop *loop) {
    return loop->statistics.connections == 0 && mp_connect_unsent(loop) == 0 && !loop->lingering &&
           loop->event_count == 0 && !loop->dirty_head;
}

mp_tcp_server *mp_loop_next_server(mp_loop *loop, const mp_tcp_server *previous) {
    mp_ring *link = previous ? previous->link.next : loop->servers.next;
    return link == &loop->servers ? NULL : MP_CONTAINER(link, mp_tcp_server, link);
}

void mp_loop_set_chore(mp_loop *loop, enum mp_chore_time time, bool (*run)(mp_loop *loop)) {
    loop->chores[time].run = run;
    ev_idle_start(loop->ev, &loop->chores[time].watcher);
}

void mp_loop_call_later(mp_loop *loop, double delay, void (*run)(mp_loop *loop)) {
    loop->run_later = run;
    if (ev_is_active(&loop->later))
        return;
    ev_timer_set(&loop->later, delay / 1e3, 0.);
    ev_timer_start(loop->ev, &loop->later);
}

uint64_t mp_loop_undrained(const mp_loop *loop) {
    return loop->statistics.connections + mp_connect_unsent(loop) + mp_linger_unsent(loop);
}

double mp_loop_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int mp_loop_resolver(mp_loop *loop, mp_resolver **out) {
    int result = loop->resolver ? 0 : mp_resolver_new(loop->ev, &loop->resolver);
    *out = loop->resolver;
    return result;
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

void mp_object_init(mp_object *object, mp_loop *loop, const mp_behaviour *behaviour) {
    object->behaviour = behaviour;
    object->loop = loop;
    /* As their number grows tables are moved to larger places, and leave holes. */
    if (++loop->statistics.objects == loop->trim_at) {
        loop->trim_at *= 2;
        mp_system_trim();
    }
}

void mp_object_hold(mp_object *object, int32_t anchor) {
    object->anchor = anchor;
    object->loop->alive++;
}

/* Lets the owner forget an object on which nothing can happen any more. */
static void release_if_idle(mp_object *object) {
    if (object->anchor == 0 || object->queued > 0 || object->holds > 0 ||
        object->behaviour->is_active(object))
        return;
    object->loop->alive--;
    object->loop->upcalls->release(object);
}

void mp_object_destroy(mp_object *object) {
    mp_loop *loop = object->loop;
    for (uint32_t i = 0; object->queued > 0 && i < loop->event_count; i++) {
        mp_event *event = &loop->events[(loop->event_head + i) & (loop->event_capacity - 1)];
        if (event->object == object) {
            event->object = NULL;
            object->queued--;
        }
    }
    if (object->anchor != 0)
        loop->alive--;
    object->anchor = 0;
    loop->statistics.objects--;
}

/* --- the queue ----------------------------------------------------------------------------------------------------- */

static void grow_events(mp_loop *loop) {
    uint32_t capacity = loop->event_capacity * 2;
    mp_event *events = malloc(capacity * sizeof *events);
    if (!events)
        return; /* tried again with the next event; there is room for as many again */
    for (uint32_t i = 0; i < loop->event_count; i++)
        events[i] = loop->events[(loop->event_head + i) & (loop->event_capacity - 1)];
    free(loop->events);
    loop->events = events;
    loop->event_capacity = capacity;
    loop->event_head = 0;
}

static void push(mp_object *object, int32_t code, intptr_t argument) {
    mp_loop *loop = object->loop;
    if (loop->event_count >= loop->event_capacity / 2)
        grow_events(loop);
    if (loop->event_count == loop->event_capacity) {
        mp_log(loop->log_level, MP_LOG_ERROR, "out of memory: a signal was lost");
        return;
    }
    mp_event *event = &loop->events[(loop->event_head + loop->event_count++) & (loop->event_capacity - 1)];
    event->object = object;
    event->code = code;
    event->muted = object->blocked;
    event->argument = argument;
    object->queued++;
}

void mp_loop_emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    push(object, (int32_t)signal, argument);
}

void mp_loop_defer(mp_object *object, int step) {
    push(object, MP_SIGNAL_COUNT + step, 0);
}

/* Step 0 is every object's: see whether it can be released. */
void mp_object_check(mp_object *object) {
    push(object, MP_SIGNAL_COUNT, 0);
}

static void deliver_next(mp_loop *loop) {
    mp_event event = loop->events[loop->event_head];
    mp_object *object = event.object;
    loop->event_head = (loop->event_head + 1) & (loop->event_capacity - 1);
    loop->event_count--;
    if (!object)
        return;
    /* It counts as queued while it is delivered: the object stays anchored, whatever the handlers do. */
    object->delivering = true;
    object->muted = event.muted;
    if (event.code > MP_SIGNAL_COUNT)
        object->behaviour->step(object, event.code - MP_SIGNAL_COUNT);
    else if (event.code < MP_SIGNAL_COUNT && mp_loop_wants(object, (enum mp_signal)event.code))
        loop->upcalls->emit(object, (enum mp_signal)event.code, event.argument);
    object->delivering = object->muted = false;
    object->queued--;
    release_if_idle(object);
}

void mp_loop_mark_dirty(mp_loop *loop, mp_tcp_socket *socket) {
    socket->next_dirty = NULL;
    if (loop->dirty_tail)
        loop->dirty_tail->next_dirty = socket;
    else
        loop->dirty_head = socket;
    loop->dirty_tail = socket;
}

static void flush_all(mp_loop *loop) {
    while (loop->dirty_head) {
        mp_tcp_socket *socket = loop->dirty_head;
        loop->dirty_head = socket->next_dirty;
        if (!loop->dirty_head)
            loop->dirty_tail = NULL;
        mp_tcp_socket_flush_dirty(socket);
    }
    if (loop->lends) {
        loop->lends = false;
        loop->upcalls->flushed(loop);
    }
}

/* Behind each signal, mostly for nothing. */
static inline void flush_dirty(mp_loop *loop) {
    if (loop->dirty_head || loop->lends)
        flush_all(loop);
}

void mp_loop_settle(mp_loop *loop) {
    if (loop->settling)
        return;
    loop->settling = true;
    flush_dirty(loop);
    for (uint32_t budget = loop->event_count + SETTLE_BUDGET; loop->event_count > 0 && budget > 0; budget--) {
        deliver_next(loop);
        flush_dirty(loop);
    }
    loop->settling = false;
    if (loop->event_count > 0)
        ev_idle_start(loop->ev, &loop->again);
}
