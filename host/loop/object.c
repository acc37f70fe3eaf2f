/*
 * Objects and the queue of their signals; see object.h. Events wait in a ring. It grows long before it is
 * full, so a signal is lost only if the machine has no memory at all.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/object.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "system/log.h"
#include "system/system.h"

#define FIRST_EVENTS 256

struct mp_event {
    mp_object *object; /* NULL: its object was destroyed */
    int32_t code;      /* a signal, or MP_SIGNAL_COUNT + step */
    bool muted;
    intptr_t argument;
};

/* --- objects -------------------------------------------------------------------------------------------- */

void mp_object_init(mp_object *object, mp_loop *loop, const mp_behaviour *behaviour) {
    object->behaviour = behaviour;
    object->loop = loop;
    /* While the number grows, tables move to larger places and leave holes. */
    if (++loop->objects == loop->trim_at) {
        loop->trim_at *= 2;
        mp_system_trim();
    }
}

void mp_object_hold(mp_object *object, int32_t anchor) {
    assert(object->anchor == 0 && anchor != 0);
    object->anchor = anchor;
    if (!object->background)
        mp_loop_ref(object->loop);
}

static void unref(const mp_object *object) {
    if (!object->background)
        mp_loop_unref(object->loop);
}

/* Lets the owner release an object to which nothing can happen any more. */
static void release_if_idle(mp_object *object) {
    if (object->anchor == 0 || object->queued > 0 || object->holds > 0 ||
        object->behaviour->is_active(object))
        return;
    assert(!object->delivering);
    unref(object);
    object->loop->upcalls->release(object);
}

void mp_object_destroy(mp_object *object) {
    mp_loop *loop = object->loop;
    mp_queue *queue = &loop->queue;
    for (uint32_t i = 0; object->queued > 0 && i < queue->count; i++) {
        mp_event *event = &queue->events[(queue->head + i) & (queue->capacity - 1)];
        if (event->object == object) {
            event->object = NULL;
            object->queued--;
        }
    }
    if (object->anchor != 0)
        unref(object);
    object->anchor = 0;
    assert(loop->objects > 0);
    loop->objects--;
}

/* --- the queue ------------------------------------------------------------------------------------------ */

int mp_queue_init(mp_queue *queue) {
    *queue = (mp_queue){.events = calloc(FIRST_EVENTS, sizeof *queue->events), .capacity = FIRST_EVENTS};
    return queue->events ? 0 : -ENOMEM;
}

void mp_queue_free(mp_queue *queue) {
    free(queue->events);
}

void mp_queue_trim(mp_queue *queue) {
    mp_event *events = queue->count == 0 ? malloc(FIRST_EVENTS * sizeof *events) : NULL;
    if (!events)
        return;
    free(queue->events);
    *queue = (mp_queue){.events = events, .capacity = FIRST_EVENTS};
}

static void grow(mp_queue *queue) {
    uint32_t capacity = queue->capacity * 2;
    mp_event *events = malloc(capacity * sizeof *events);
    if (!events)
        return; /* the next event tries again; there is room for as many again */
    for (uint32_t i = 0; i < queue->count; i++)
        events[i] = queue->events[(queue->head + i) & (queue->capacity - 1)];
    free(queue->events);
    queue->events = events;
    queue->capacity = capacity;
    queue->head = 0;
}

static void push(mp_object *object, int32_t code, intptr_t argument) {
    mp_loop *loop = object->loop;
    mp_queue *queue = &loop->queue;
    assert(queue->count <= queue->capacity && object->queued <= queue->count + 1);
    if (queue->count >= queue->capacity / 2)
        grow(queue);
    if (queue->count == queue->capacity) {
        mp_log(loop->log_level, MP_LOG_ERROR, "out of memory: a signal was lost");
        return;
    }
    mp_event *event = &queue->events[(queue->head + queue->count++) & (queue->capacity - 1)];
    event->object = object;
    event->code = code;
    event->muted = object->blocked;
    event->argument = argument;
    object->queued++;
}

void mp_object_emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    assert(mp_signal_belongs(signal, object->behaviour->kind));
    push(object, (int32_t)signal, argument);
}

void mp_object_defer(mp_object *object, int number) {
    assert(number > 0 && object->behaviour->step);
    push(object, MP_SIGNAL_COUNT + number, 0);
}

/* Every object has step 0: check whether it can be released. */
void mp_object_check(mp_object *object) {
    push(object, MP_SIGNAL_COUNT, 0);
}

void mp_queue_deliver(mp_loop *loop) {
    mp_queue *queue = &loop->queue;
    assert(queue->count > 0);
    mp_event event = queue->events[queue->head];
    mp_object *object = event.object;
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    if (!object)
        return;
    assert(object->queued > 0 && object->loop == loop);
    /* The object counts as queued during delivery, so it stays anchored whatever the handlers do. */
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
