/*
 * The head of everything that signals, and the queue of undelivered signals.
 *
 * No upcall ever runs inside an API call: calls queue signals, and the loop delivers them between two events.
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
    bool (*is_active)(const mp_object *object);  /* true if an event can still happen to it */
    void (*step)(mp_object *object, int number); /* one of its deferred steps; NULL: it has none */
    void (*close)(mp_object *object);            /* stops listening; NULL: it doesn't listen */
    void (*wind_down)(mp_object *object);        /* ends after its queue is sent; NULL: nothing to end */
} mp_behaviour;

struct mp_object {
    const mp_behaviour *behaviour;
    mp_loop *loop;
    int32_t anchor;      /* owner: the reference that holds the object; 0 = none */
    uint32_t epoch;      /* owner: a server's generation; the last one that a connection was told */
    uint32_t queued;     /* its signals and steps in the queue */
    uint32_t holds;      /* the owner's reasons to hold it (a suspended handler, a wait) */
    uint32_t at_work;    /* suspended handlers at work on it (D4) */
    bool awaited : 1;    /* owner: a task waits for signals of this object */
    bool background : 1; /* it doesn't keep the loop running; set before it is held, for good */
    bool delivering;     /* one of its queued signals is being delivered */
    bool blocked;        /* owner: handlers don't see its signals */
    bool muted;          /* the signal being delivered was emitted while blocked: only waits see it */
};

/* The undelivered signals and steps; a ring. */
typedef struct mp_queue {
    mp_event *events;
    uint32_t head, count, capacity;
} mp_queue;

/* The owner has anchored `object`: it counts as alive until the release upcall, unless it is in the
   background. */
void mp_object_hold(mp_object *object, int32_t anchor);

/* Has the loop check whether `object` can be released; call it when a hold or a wait of the owner has
   ended. */
void mp_object_check(mp_object *object);

/* Queues a signal. The loop checks for handlers at delivery: they may be attached until then. */
void mp_object_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* Queues one of the object's steps (behaviour->step) after the signals that are queued now. `number` is
   positive. */
void mp_object_defer(mp_object *object, int number);

/* --- for host/ only ------------------------------------------------------------------------------------- */

void mp_object_init(mp_object *object, mp_loop *loop, const mp_behaviour *behaviour);

/* Drops what is queued for `object`, which is about to be destroyed. */
void mp_object_destroy(mp_object *object);

/* An empty queue. Returns 0 or -ENOMEM. */
int mp_queue_init(mp_queue *queue);
void mp_queue_free(mp_queue *queue);

/* Frees the extra memory of an empty queue that was once long. */
void mp_queue_trim(mp_queue *queue);

/* Delivers the oldest signal or step: runs its handlers by the loop's upcalls. The queue must not be
   empty. */
void mp_queue_deliver(mp_loop *loop);

#endif
