/*
 * What a task has to do with objects; see work.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/work.h"

#include <assert.h>

#include "net/stream_input.h"
#include "net/tcp_server.h"
#include "net/udp_input.h"

/* --- waits ---------------------------------------------------------------------------------------------- */

/* A server with a waiting waitForNewConnection accepts although paused. */
static void count_wait(mp_object *object, int change) {
    object->holds += (uint32_t)change;
    if (!mp_kind_is(object->behaviour->kind, MP_TCP_SERVER))
        return;
    ((mp_tcp_server *)object)->waiting = (uint16_t)(((mp_tcp_server *)object)->waiting + change);
    mp_tcp_server_update((mp_tcp_server *)object);
}

void binding_put_wait(binding_box *box, binding_wait *wait, binding_wait *before) {
    binding_wait *first = box->waits;
    assert(!wait->next);
    if (!first) {
        box->waits = wait->next = wait->previous = wait;
        return;
    }
    wait->next = before ? before : first;
    wait->previous = wait->next->previous;
    wait->previous->next = wait->next->previous = wait;
    if (before == first)
        box->waits = wait;
}

void binding_take_wait(binding_box *box, binding_wait *wait) {
    assert(wait->next);
    if (box->waits == wait)
        box->waits = wait->next == wait ? NULL : wait->next;
    wait->previous->next = wait->next;
    wait->next->previous = wait->previous;
    wait->next = wait->previous = NULL;
    binding_object(box)->awaited = box->waits != NULL;
}

void binding_link_wait(binding_wait *wait) {
    binding_put_wait(binding_box_of(wait->object), wait, NULL);
    wait->object->awaited = true;
    count_wait(wait->object, 1);
}

void binding_unlink_wait(binding_wait *wait) {
    binding_take_wait(binding_box_of(wait->object), wait);
    count_wait(wait->object, -1);
    mp_object_check(wait->object);
    wait->object = NULL;
}

void binding_end_wait(binding_wait *wait, int outcome) {
    mp_delay_stop(&wait->delay, wait->loop);
    if (wait->object)
        binding_unlink_wait(wait);
    wait->outcome = outcome;
}

/* --- at work (D4) --------------------------------------------------------------------------------------- */

static void worker_gone(mp_object *object) {
    object->at_work--;
    if (mp_kind_is(object->behaviour->kind, MP_TCP_SOCKET))
        mp_stream_handler_ended((mp_stream *)object);
    else if (mp_kind_is(object->behaviour->kind, MP_UDP_SOCKET))
        mp_udp_has_room((mp_udp_socket *)object);
}

void binding_untaken(binding_box *box) {
    binding_task *task = box->taker;
    if (!task)
        return;
    for (binding_box **place = &task->taken; *place; place = &(*place)->next_taken) {
        if (*place == box) {
            *place = box->next_taken;
            break;
        }
    }
    box->taker = NULL;
    worker_gone(binding_object(box));
}

void binding_taken(binding_state *state, binding_box *box) {
    binding_task *task = binding_running_task(state);
    if (!task)
        return;
    /* A task that takes one connection after another is at work on the last one, a handler on all that it
       took. */
    if (task->kind->lasting)
        while (task->taken)
            binding_untaken(task->taken);
    box->taker = task;
    box->next_taken = task->taken;
    task->taken = box;
    binding_object(box)->at_work++;
}

/* The handler works on its object while it is suspended, unless it waits for that object's end. */
static void update_working(binding_task *task) {
    if (!task->on)
        return;
    bool lets_close = task->wait.outcome == WAIT_RUNNING && task->wait.lets_close &&
                      task->wait.object == task->on;
    bool working = task->suspended && !lets_close;
    if (working == task->working)
        return;
    task->working = working;
    if (task->signal == MP_SIGNAL_SSL_ERRORS)
        mp_stream_handler_judges((mp_stream *)task->on, working ? 1 : -1);
    if (working)
        task->on->at_work++;
    else
        worker_gone(task->on);
}

/* --- suspended handlers --------------------------------------------------------------------------------- */

void binding_suspended(binding_task *task) {
    binding_state *state = task->state;
    task->spoilt = false; /* a pcall has caught a hook's error */
    task->since = mp_loop_turn_time(state->loop);
    if (!task->suspended) {
        task->suspended = true;
        if (task->context.generation)
            task->context.generation->handlers++;
        state->tasks->count++;
        mp_loop_ref(state->loop);
        if (task->on) {
            binding_box *box = binding_box_of(task->on);
            task->on->holds++;
            if (task->signal == MP_SIGNAL_READY_READ)
                box->busy_reading++;
            else if (task->signal == MP_SIGNAL_BYTES_WRITTEN)
                box->busy_writing++;
            state->loop->wanted |= MP_SIGNAL_BIT(MP_SIGNAL_STATE_CHANGED); /* binding_emit looks at it */
        }
    }
    if (task->wait.outcome == WAIT_RUNNING && task->wait.lets_close && task->wait.object &&
        mp_kind_is(task->wait.object->behaviour->kind, MP_TCP_SOCKET) &&
        binding_box_of(task->wait.object)->taker == task)
        binding_untaken(binding_box_of(task->wait.object));
    /* A task that waits for the next connection has finished with the last, like one that takes the next. */
    if (task->kind->lasting && task->wait.outcome == WAIT_RUNNING && task->wait.object &&
        mp_kind_is(task->wait.object->behaviour->kind, MP_TCP_SERVER))
        while (task->taken)
            binding_untaken(task->taken);
    update_working(task);
}

/* True if input that came while its readyRead handler waited is still to be read. */
static bool has_unread(const mp_object *object) {
    const mp_stream *socket = (const mp_stream *)object;
    size_t size;
    if (mp_kind_is(object->behaviour->kind, MP_UDP_SOCKET))
        return ((const mp_udp_socket *)object)->in.count > 0;
    (void)mp_stream_peek(socket, &size);
    return size > 0 && mp_stream_is_receiving(socket);
}

/* True if what was written while its bytesWritten handler waited is still worth a signal. */
static bool has_output(const mp_object *object) {
    if (mp_kind_is(object->behaviour->kind, MP_UDP_SOCKET))
        return mp_udp_is_open((const mp_udp_socket *)object);
    uint8_t state = ((const mp_stream *)object)->state;
    return state == MP_STATE_CONNECTED || state == MP_STATE_CLOSING;
}

/* A readyRead or bytesWritten handler has waited: emits once what was held back meanwhile, unless the
   connection ended. */
static void tell_unseen(binding_task *task) {
    mp_object *object = task->on;
    binding_box *box = binding_box_of(object);
    if (task->signal == MP_SIGNAL_READY_READ && --box->busy_reading == 0 && box->unseen) {
        box->unseen = false;
        if (has_unread(object))
            mp_object_emit(object, MP_SIGNAL_READY_READ, 0);
    } else if (task->signal == MP_SIGNAL_BYTES_WRITTEN && --box->busy_writing == 0 &&
               box->unseen_written > 0) {
        if (has_output(object))
            mp_object_emit(object, MP_SIGNAL_BYTES_WRITTEN, box->unseen_written);
        box->unseen_written = 0;
    }
}

void binding_leave_object(binding_task *task) {
    mp_object *on = task->on;
    if (!on)
        return;
    tell_unseen(task); /* first, so that a close that waits for this handler also waits for that signal's */
    update_working(task);
    on->holds--;
    mp_object_check(on);
}

void binding_abandon(binding_box *box) {
    mp_object *object = binding_object(box);
    binding_state *state = object->loop->owner;
    assert(!box->waits);
    binding_untaken(box);
    if (!box->weak || object->holds == 0)
        return; /* anchored objects vanish only at the end of the state, with the tasks */
    for (mp_ring *link = state->tasks->all.next; link != &state->tasks->all; link = link->next) {
        binding_task *task = MP_CONTAINER(link, binding_task, link);
        if (task->on == object)
            task->on = NULL;
    }
}
