/*
 * The loop: libev's, with the queue of undelivered signals and the order of a turn. It doesn't know sockets
 * or servers: the network decides what is received and sent in a turn (net/network.h).
 *
 * There is no global state; everything is reached from an mp_loop.
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
#include "loop/lag.h"
#include "loop/object.h"
#include "system/log.h"

/*
 * What the owner of the objects (the bindings) does for the loop; one static table. The loop calls these
 * functions, never inside an API call. After each the loop looks again: an upcall may close or reconfigure
 * any object.
 */
typedef struct mp_upcalls {
    /* Runs the handlers of a signal of `object`. The signal's mp_signal_argument says what `argument` is. */
    void (*emit)(mp_object *object, enum mp_signal signal, intptr_t argument);
    /* Nothing can happen to `object` any more: the owner need not hold it for the loop. */
    void (*release)(mp_object *object);
} mp_upcalls;

/* The network's parts of a turn; one static table. */
typedef struct mp_phases {
    /* Runs the handlers of what was received. */
    void (*run)(mp_loop *loop);
    /* Sends what handlers have written. Called only if `unsent` is set, and clears it. */
    void (*send)(mp_loop *loop);
} mp_phases;

/* When a chore runs. */
enum mp_chore_time { MP_CHORE_EACH_TURN, MP_CHORE_WHEN_IDLE, MP_CHORE_TIMES };

/* Handlers run after the callbacks that receive. Delays that are over run last, so that even a wait of no
   time sees what has arrived. */
enum { MP_PRIORITY_RECEIVED = -1, MP_PRIORITY_DELAY = -2 };

typedef struct mp_chore {
    ev_idle watcher;
    bool (*run)(mp_loop *loop);
} mp_chore;

/* Private to host/ and the program, except upcalls, owner, wanted, log_level, iterations, objects. */
struct mp_loop {
    struct ev_loop *ev;
    const mp_upcalls *upcalls;
    const mp_phases *phases;
    void *owner;
    uint64_t wanted; /* signals that ever had a handler; others are not delivered */
    enum mp_log_level log_level;
    size_t alive; /* held objects and the owner's tasks: at 0 the loop ends */
    uint64_t iterations;
    ev_timer clock;   /* is never due: what remains of it tells libev's time */
    double turned;    /* that time at the end of the turn: milliseconds, */
    double updated;   /* of which the turn itself moved it on by so many */
    uint64_t objects; /* servers, sockets and timers that exist now */
    uint64_t trim_at; /* the number of objects at which memory is returned next */
    mp_queue queue;
    bool settling;
    bool unsent;         /* handlers may have written something: the send phase must run */
    ev_prepare received; /* never started: whoever receives makes it pending */
    ev_idle again;       /* runs if the queue was left non-empty for fairness */
    ev_prepare turn;     /* counts iterations, ends the loop when nothing is alive */
    mp_chore chores[MP_CHORE_TIMES];
    ev_idle doubt; /* while it is active the poll doesn't wait */
    ev_fork renewed;
    mp_lag lag;
    volatile bool *waits; /* see mp_loop_watch_waits; NULL: nobody watches */
    ev_timer later;
    void (*run_later)(mp_loop *loop);
};

/* Makes a loop with its own libev loop, in the memory of `loop`. Returns 0 or -ENOMEM. */
int mp_loop_init(mp_loop *loop, const mp_upcalls *upcalls, const mp_phases *phases, void *owner);

/* Ends it; every object must have been destroyed before. */
void mp_loop_destroy(mp_loop *loop);

/* Sets libev's time, from which timers count, to now. */
void mp_loop_update_time(mp_loop *loop);

/* Runs until nothing is alive or mp_loop_stop is called. First delivers what is queued. */
void mp_loop_run(mp_loop *loop);

/* Runs one turn: waits for at least one event, handles it, delivers. Does nothing if nothing is alive. */
void mp_loop_run_once(mp_loop *loop);

/* Ends mp_loop_run after the current turn. */
void mp_loop_stop(mp_loop *loop);

/* Counts one more, or one less, that the loop runs for. */
static inline void mp_loop_ref(mp_loop *loop) {
    loop->alive++;
}

static inline void mp_loop_unref(mp_loop *loop) {
    assert(loop->alive > 0);
    loop->alive--;
}

/* What is logged from now on, by the host and the script. May be set at any time. */
static inline void mp_loop_set_log_level(mp_loop *loop, enum mp_log_level level) {
    loop->log_level = level;
}

/*
 * Starts the watcher of a descriptor. Only the next turn finds out whether the poll can watch it, and libev
 * reports a failure (EV_ERROR) only after that turn's wait. So that turn doesn't wait. A short timer instead
 * would cost more, because the system would have to set its clock.
 */
static inline void mp_loop_watch(mp_loop *loop, ev_io *watcher) {
    ev_io_start(loop->ev, watcher);
    if (!ev_is_active(&loop->doubt))
        ev_idle_start(loop->ev, &loop->doubt);
}

/* Calls `run` once in each turn of the loop, or in each turn that has nothing else to do, until it returns
   false. Meanwhile the loop doesn't sleep. There is one chore for each time. */
void mp_loop_set_chore(mp_loop *loop, enum mp_chore_time time, bool (*run)(mp_loop *loop));

/* Calls `run` once in `delay` milliseconds, or when an earlier call of this is due. It doesn't keep the loop
   running. There is only one. */
void mp_loop_call_later(mp_loop *loop, double delay, void (*run)(mp_loop *loop));

/*
 * A turn has three parts:
 *
 *     receive   libev calls the watcher of each readable socket, which receives
 *     run       runs the handlers of what was received
 *     send      sends what they wrote
 *
 * So in each part, all sockets but the first find the code (the kernel's, Lua's, the kernel's) in the
 * processor's cache. This function is the second and the third part. It runs by itself after
 * mp_loop_has_received; the network calls it earlier if so much was received that others have to wait.
 */
void mp_loop_turn(mp_loop *loop);

/* Something was received: run and send follow after libev has called all ready watchers. */
static inline void mp_loop_has_received(mp_loop *loop) {
    if (!ev_is_pending(&loop->received))
        ev_feed_event(loop->ev, &loop->received, EV_CUSTOM);
}

/* Sends what handlers wrote and delivers queued signals until nothing is left. A bound applies; the rest
   follows in the next turn. Every callback of libev in host/ that may have run a handler or queued a signal
   ends with this call, except those that receive: they leave it to the turn. The owner calls it after it has
   run a handler by itself. */
void mp_loop_settle(mp_loop *loop);

/* True if nothing is left to deliver. */
static inline bool mp_loop_is_settled(const mp_loop *loop) {
    return loop->queue.count == 0;
}

/* Sets *waits while the loop sleeps; NULL: no longer. */
void mp_loop_watch_waits(mp_loop *loop, volatile bool *waits);

/* When this turn began: milliseconds of the clock of mp_loop_now. Without a system call. */
double mp_loop_turn_time(const mp_loop *loop);

/* The same since 1970, by the clock that may be set: only for people. */
double mp_loop_turn_date(const mp_loop *loop);

/* Milliseconds of a clock that nobody can set, for intervals. ev_now jumps with the system's time. */
double mp_loop_now(void);
/* Milliseconds that this thread has had of the processor. A system call, unlike the one above. */
double mp_loop_processor_time(void);

static inline bool mp_loop_wants(const mp_object *object, enum mp_signal signal) {
    return object->awaited || (object->loop->wanted & MP_SIGNAL_BIT(signal)) != 0;
}

#endif
