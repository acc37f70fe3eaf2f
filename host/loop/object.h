/*
 * The head of everything that signals, and the queue in which signals wait for delivery.
 *
 * No upcall ever runs inside a call of the API: calls queue signals, and the loop delivers them between two
 * events.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_OBJECT_H
#define MP_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/signal.h"

typedef struct mp_loop mp_loop;
typedef struct mp_object mp_object;
typedef struct mp_event mp_event;

/* What a kind of object does for the loop; static in its file. */
typedef struct mp_behaviour {
    enum mp_kind kind;
    bool (*is_active)(const mp_object *object);  /* can an event still happen to it? */
    void (*step)(mp_object *object, int number); /* a deferred step of its own; NULL: it has none */
    void (*close)(mp_object *object);            /* stops to listen; NULL: it doesn't listen */
    void (*wind_down)(mp_object *object);        /* ends once its queue is sent; NULL: nothing is to end */
} mp_behaviour;

struct mp_object {
    const mp_behaviour *behaviour;
    mp_loop *loop;
    int32_t anchor;   /* owner: what holds the object; 0 = nothing does */
    uint32_t epoch;   /* owner: a server's generation; that of which a connection has been told */
    uint32_t queued;  /* its signals and steps in the queue */
    uint32_t holds;   /* reasons of the owner to hold it (a suspended handler, a wait) */
    uint32_t at_work; /* suspended handlers that are at work on it (D4) */
    bool awaited;     /* owner: somebody waits for signals on this object */
    bool delivering;  /* a queued signal of it is being delivered right now */
    bool blocked;     /* owner: no handler is to see its signals */
    bool muted;       /* what is being delivered was emitted while they were blocked: for waits only */
};

/* The signals and steps that wait for delivery; a ring. */
typedef struct mp_queue {
    mp_event *events;
    uint32_t head, count, capacity;
} mp_queue;

/* Says that `object` is anchored by its owner (counts as alive until the release upcall). */
void mp_object_hold(mp_object *object, int32_t anchor);

/* Looks from the loop whether `object` can be released; to be called when a hold or a wait of the owner
   ended. */
void mp_object_check(mp_object *object);

/* Queues a signal. Whether anybody wants it is looked at when it is delivered: handlers may be attached until
   then. */
void mp_object_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* Queues a step of the object's own (behaviour->step) behind the signals that are queued now. `number` is
   positive. */
void mp_object_defer(mp_object *object, int number);

/* --- for host/ only ------------------------------------------------------------------------------------- */

void mp_object_init(mp_object *object, mp_loop *loop, const mp_behaviour *behaviour);

/* Forgets what is queued for `object`, which is about to vanish. */
void mp_object_destroy(mp_object *object);

/* An empty queue. Returns 0 or -ENOMEM. */
int mp_queue_init(mp_queue *queue);
void mp_queue_free(mp_queue *queue);

/* Gives back the memory of an empty queue that was long once. */
void mp_queue_trim(mp_queue *queue);

/* Delivers the oldest signal or step of the loop's queue, which has one: runs its handlers, by the loop's
   upcalls. */
void mp_queue_deliver(mp_loop *loop);

#endif
