/*
 * The loop: libev's, with a queue of signals that wait for delivery and the order of a turn. It knows neither
 * sockets nor servers: what is received and sent in a turn, the network says (net/network.h).
 *
 * There is no global state; everything hangs on an mp_loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOOP_H
#define MP_LOOP_H

#include <assert.h>
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/ring.h"
#include "loop/object.h"
#include "system/log.h"

/*
 * What the owner of the objects (the bindings) does for the loop; one static table. Run from the loop, never
 * inside an API call. After each the loop looks again: an upcall may close or reconfigure any object.
 */
typedef struct mp_upcalls {
    /* A signal of `object`: run its handlers. `argument` is what the signal's mp_signal_argument says. */
    void (*emit)(mp_object *object, enum mp_signal signal, intptr_t argument);
    /* Nothing can happen on `object` any more; the owner need not keep it alive for the loop's sake. */
    void (*release)(mp_object *object);
} mp_upcalls;

/* The parts of a turn that are the network's; one static table. */
typedef struct mp_phases {
    /* Runs the handlers of what has been received. */
    void (*run)(mp_loop *loop);
    /* Sends what handlers have written; only if `unsent` is set, which it clears. */
    void (*send)(mp_loop *loop);
} mp_phases;

/* When a chore is done. */
enum mp_chore_time { MP_CHORE_EACH_TURN, MP_CHORE_WHEN_IDLE, MP_CHORE_TIMES };

/* Behind the callbacks that receive come the handlers of what they received. Waits that are over by their
   time come last: one of no time still sees what has come. */
enum { MP_PRIORITY_RECEIVED = -1, MP_PRIORITY_DELAY = -2 };

typedef struct mp_chore {
    ev_idle watcher;
    bool (*run)(mp_loop *loop);
} mp_chore;

/* Private to host/ and the program but for: upcalls, owner, wanted, log_level, iterations, objects. */
struct mp_loop {
    struct ev_loop *ev;
    const mp_upcalls *upcalls;
    const mp_phases *phases;
    void *owner;
    uint64_t wanted; /* signals that some handler was ever set for; others are not delivered */
    enum mp_log_level log_level;
    size_t alive; /* held objects and the owner's tasks: at 0 the loop ends */
    uint64_t iterations;
    uint64_t objects; /* servers, sockets and timers that exist now */
    uint64_t trim_at; /* objects when memory is given back next */
    mp_queue queue;
    bool settling;
    bool unsent;         /* handlers may have written something: the send phase is due */
    ev_prepare received; /* never started: made pending by what receives */
    ev_idle again;       /* runs when the queue was left non-empty for fairness */
    ev_prepare turn;     /* counts iterations, ends the loop when nothing is alive */
    mp_chore chores[MP_CHORE_TIMES];
    ev_idle doubt; /* while it is active the poll doesn't wait */
    ev_timer later;
    void (*run_later)(mp_loop *loop);
};

/* Makes a loop with a libev loop of its own in the memory of `loop`. Returns 0 or -ENOMEM. */
int mp_loop_init(mp_loop *loop, const mp_upcalls *upcalls, const mp_phases *phases, void *owner);

/* Ends it; every object must have been destroyed before. */
void mp_loop_destroy(mp_loop *loop);

/* Runs until nothing is alive or mp_loop_stop. Delivers what is queued first. */
void mp_loop_run(mp_loop *loop);

/* One turn: waits for at least one event, handles it, delivers. Does nothing if nothing is alive. */
void mp_loop_run_once(mp_loop *loop);

/* Ends mp_loop_run after the current turn. */
void mp_loop_stop(mp_loop *loop);

/* Counts one more, or one less, for which the loop goes on. */
static inline void mp_loop_ref(mp_loop *loop) {
    loop->alive++;
}

static inline void mp_loop_unref(mp_loop *loop) {
    assert(loop->alive > 0);
    loop->alive--;
}

/*
 * Starts a watcher of a descriptor. Only the next turn finds out whether the poll can watch it, and libev
 * says that it can't (by EV_ERROR) when that turn's wait is over: so there is none in that turn. A short timer
 * instead would cost more, as the system has to set its clock for it.
 */
static inline void mp_loop_watch(mp_loop *loop, ev_io *watcher) {
    ev_io_start(loop->ev, watcher);
    if (!ev_is_active(&loop->doubt))
        ev_idle_start(loop->ev, &loop->doubt);
}

/* Calls `run` once in each turn of the loop, or in those that have nothing else to do, until it returns
   false. Meanwhile the loop doesn't sleep. There is one chore for each time. */
void mp_loop_set_chore(mp_loop *loop, enum mp_chore_time time, bool (*run)(mp_loop *loop));

/* Calls `run` once in `delay` milliseconds, or when an earlier call of this was to; it keeps no loop running.
   There is one. */
void mp_loop_call_later(mp_loop *loop, double delay, void (*run)(mp_loop *loop));

/*
 * A turn has three parts:
 *
 *     receive   libev calls the watcher of each socket that is readable, which receives
 *     run       the handlers of what was received
 *     send      what they wrote
 *
 * So each part but its first finds its code (the kernel's, Lua's, the kernel's) in the processor's cache.
 * This is the second and the third; it follows the first by itself after mp_loop_has_received, or is called
 * when so much has come that others have to wait.
 */
void mp_loop_turn(mp_loop *loop);

/* Something was received: run and send follow when libev has called all that are ready. */
static inline void mp_loop_has_received(mp_loop *loop) {
    if (!ev_is_pending(&loop->received))
        ev_feed_event(loop->ev, &loop->received, EV_CUSTOM);
}

/* Sends what handlers wrote and delivers queued signals until neither is left (bounded, the rest comes next
   turn). Every callback of libev in host/ that may have run a handler or queued a signal ends with this, but
   one that receives: that leaves it to the turn. The owner calls it after it ran a handler on its own
   account. */
void mp_loop_settle(mp_loop *loop);

/* Is nothing left to deliver? */
static inline bool mp_loop_is_settled(const mp_loop *loop) {
    return loop->queue.count == 0;
}

/* Milliseconds of a clock that nobody can set, for intervals. Not ev_now, which jumps with the system's
   time. */
double mp_loop_now(void);

static inline bool mp_loop_wants(const mp_object *object, enum mp_signal signal) {
    return object->awaited || (object->loop->wanted & MP_SIGNAL_BIT(signal)) != 0;
}

#endif
