/*
 * The loop: a libev loop with a queue of signals that wait for delivery, the list of sockets that have something to
 * send, and what all sockets of a loop share (the input buffer, spare chunks, the resolver).
 *
 * No upcall ever runs inside a call of the API: calls queue signals, and the loop delivers them between two events
 * (mp_loop_settle). There is no global state; everything hangs on an mp_loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOOP_H
#define MP_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/error.h"
#include "system/log.h"
#include "data/ring.h"
#include "loop/signal.h"

typedef struct mp_loop mp_loop;
typedef struct mp_object mp_object;
typedef struct mp_tcp_socket mp_tcp_socket;
typedef struct mp_tcp_server mp_tcp_server;

/* The size of the input buffer that all sockets share: the most that one recv takes. */
#define MP_INPUT_SIZE 131072

/* How many sockets are received from before their handlers run. More bring nothing. */
#define MP_BATCH 16

/*
 * What the owner of the objects (the bindings) does for the loop; one static table. All but unpin run from the loop,
 * never inside an API call. After each the loop looks again: an upcall may close or reconfigure any object.
 */
typedef struct mp_upcalls {
    /* A signal of `object`: run its handlers. `argument` is what the signal's mp_signal_argument says. */
    void (*emit)(mp_object *object, enum mp_signal signal, intptr_t argument);
    /* There is input: emit readyRead on each socket that mp_tcp_socket_next_arrival gives, until it gives none. */
    void (*arrived)(mp_loop *loop);
    /* Nothing can happen on `object` any more; the owner need not keep it alive for the loop's sake. */
    void (*release)(mp_object *object);
    /* A fresh, initialised and held (mp_object_hold) socket for a connection that `server` accepts; NULL: no memory. */
    mp_tcp_socket *(*accept)(mp_tcp_server *server);
    /* A string that was given to mp_tcp_socket_write with `token` is not needed any more. May run inside API calls. */
    void (*unpin)(mp_loop *loop, int token);
    /* What was given to mp_tcp_socket_write with MP_BORROW isn't needed any more. After a flush, if `lends` is set. */
    void (*flushed)(mp_loop *loop);
} mp_upcalls;

/* What a kind of object does for the loop; static in its file. */
typedef struct mp_behaviour {
    enum mp_kind kind;
    bool (*is_active)(const mp_object *object); /* can an event still happen to it? */
    void (*step)(mp_object *object,
                 int step); /* a deferred step of its own, see mp_loop_defer; NULL: it has none */
} mp_behaviour;

/* The head of every object. */
struct mp_object {
    const mp_behaviour *behaviour;
    mp_loop *loop;
    int32_t anchor;   /* owner: what keeps the object alive; 0 = nothing does */
    uint32_t epoch;   /* owner: a server's generation; that of which a connection has been told */
    uint32_t queued;  /* its signals and steps in the queue */
    uint32_t holds;   /* reasons of the owner to keep it (a suspended handler, a wait) */
    uint32_t at_work; /* suspended handlers that are at work on it (D4) */
    bool awaited;     /* owner: somebody waits for signals on this object */
    bool delivering;  /* a queued signal of it is being delivered right now */
    bool blocked;     /* owner: no handler is to see its signals */
    bool muted;       /* what is being delivered was emitted while they were blocked: for waits only */
};

typedef struct mp_event mp_event;
typedef struct mp_buffer mp_buffer;
typedef struct mp_chunk mp_chunk;
typedef struct mp_resolver mp_resolver;

/* Counters for stats(); never reset. */
typedef struct mp_statistics {
    uint64_t bytes_read, bytes_sent;
    uint64_t accepted, connected; /* connections, coming in and going out */
    uint64_t iterations;
    uint64_t objects;     /* servers, sockets and timers that exist now */
    uint64_t connections; /* sockets that have a connection now */
} mp_statistics;

/* When a chore is done. */
enum mp_chore_time { MP_CHORE_EACH_TURN, MP_CHORE_WHEN_IDLE, MP_CHORE_TIMES };

/*
 * A turn has three parts: what is readable is received, then the handlers of that run, then what they wrote is sent. So each
 * part but its first finds its code (the kernel's, Lua's, the kernel's) in the processor's cache. Waits that are over by their
 * time come last: one of no time still sees what has come.
 */
enum { MP_PRIORITY_RECEIVED = -1, MP_PRIORITY_DELAY = -2 };

/* What was received for a socket whose handler is yet to run: the input buffer's data[start, start + size). */
typedef struct mp_arrival {
    mp_tcp_socket *socket; /* NULL: it has closed its descriptor since */
    uint32_t start, size;
} mp_arrival;

typedef struct mp_chore {
    ev_idle watcher;
    bool (*run)(mp_loop *loop);
} mp_chore;

/* Private to host/, its program included, but for: owner, wanted, alive, log_level, lends, statistics, receiver. */
struct mp_loop {
    struct ev_loop *ev;
    const mp_upcalls *upcalls;
    void *owner;
    uint32_t wanted; /* signals that some handler was ever set for; others are not delivered */
    size_t alive;    /* held objects and the owner's tasks: at 0 the loop ends */
    enum mp_log_level log_level;
    mp_statistics statistics;
    uint64_t trim_at; /* objects when memory is given back next */

    mp_event *events; /* ring */
    uint32_t event_head, event_count, event_capacity;
    bool settling, winding_down;
    bool lends; /* owner: something may have been written with MP_BORROW, and `flushed` is to be called */
    mp_tcp_socket *dirty_head, *dirty_tail;
    mp_buffer *input;
    bool input_lent;     /* and not to be freed */
    uint32_t input_used; /* bytes of its data[] that are taken by arrivals */
    uint32_t arrival_count, delivered;
    mp_arrival arrivals[MP_BATCH];
    mp_tcp_socket *receiver;   /* whose handlers run on what arrived, or NULL */
    ev_prepare received;       /* never started: made pending by the sockets' callbacks */
    mp_chunk *spare_chunks[2]; /* small and medium ones, see write_queue.c */
    uint32_t spare_chunk_counts[2];
    struct mp_lingering *lingering;
    uint64_t *owned; /* descriptors, see descriptor.h */
    size_t owned_words;
    mp_resolver *resolver;
    mp_ring servers, outgoing; /* all servers; connections that no listener accepted */
    mp_ring connecting;        /* connects in progress */
    mp_tcp_server *starved;    /* servers that wait for descriptors to become free */
    ev_idle again;             /* runs when the queue was left non-empty for fairness */
    ev_prepare turn;           /* counts iterations, ends the loop when nothing is alive */
    mp_chore chores[MP_CHORE_TIMES];
    ev_timer later;
    void (*run_later)(mp_loop *loop);
};

/* Makes a loop with a libev loop of its own. Returns 0 or -ENOMEM. */
int mp_loop_new(const mp_upcalls *upcalls, void *owner, mp_loop **out);

/* Frees the loop; every object must have been destroyed before. */
void mp_loop_free(mp_loop *loop);

/* Gives memory back to the system that many objects took and the few that are left don't need; between two events. */
void mp_loop_trim(mp_loop *loop);

/* Has the loop receive into `buffer`, which stays its owner's. Before the loop runs. */
void mp_loop_lend_input(mp_loop *loop, mp_buffer *buffer);

/* Runs until nothing is alive or mp_loop_stop. Delivers what is queued first. */
void mp_loop_run(mp_loop *loop);

/* One turn: waits for at least one event, handles it, delivers. Does nothing if nothing is alive. */
void mp_loop_run_once(mp_loop *loop);

/* Ends mp_loop_run after the current turn. */
void mp_loop_stop(mp_loop *loop);

/* Closes every listener; connections stay. */
void mp_loop_close_listeners(mp_loop *loop);

/* Begins to stop: listeners close, and every connection once what it has queued is sent. Signals follow from the loop. */
void mp_loop_wind_down(mp_loop *loop);

/* Is there no connection any more, and nothing to deliver? */
bool mp_loop_is_drained(const mp_loop *loop);

/* How many connections have not sent all that they were given. */
uint64_t mp_loop_undrained(const mp_loop *loop);

/* The server after `previous` (NULL: the first), or NULL. */
mp_tcp_server *mp_loop_next_server(mp_loop *loop, const mp_tcp_server *previous);

/* Calls `run` once in each turn of the loop, or in those that have nothing else to do, until it returns false. Meanwhile the loop
   doesn't sleep. There is one chore for each time. */
void mp_loop_set_chore(mp_loop *loop, enum mp_chore_time time, bool (*run)(mp_loop *loop));

/* Calls `run` once in `delay` milliseconds, or when an earlier call of this was to; it keeps no loop running. There is one. */
void mp_loop_call_later(mp_loop *loop, double delay, void (*run)(mp_loop *loop));

/* Sends what handlers wrote and delivers queued signals until neither is left (bounded, the rest comes next turn).
   Every callback of libev in host/ that may have run a handler or queued a signal ends with this, but a socket's: that leaves
   what it received to mp_tcp_socket_deliver. The owner calls it after it ran a handler on its own account. */
void mp_loop_settle(mp_loop *loop);

/* Milliseconds of a clock that nobody can set, for intervals. Not ev_now, which jumps with the system's time. */
double mp_loop_now(void);

/* The resolver, made at first use. Returns 0 or -errno. */
int mp_loop_resolver(mp_loop *loop, mp_resolver **out);

/* Says that `object` is anchored by its owner (counts as alive until the release upcall). */
void mp_object_hold(mp_object *object, int32_t anchor);

/* Looks from the loop whether `object` can be released; to be called when a hold or a wait of the owner ended. */
void mp_object_check(mp_object *object);

/* Queues a signal. Whether anybody wants it is looked at when it is delivered: handlers may be attached until then. */
void mp_loop_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* Queues a step of the object's own (behaviour->step) behind the signals that are queued now. `step` is positive. */
void mp_loop_defer(mp_object *object, int step);

/* --- for host/ only ------------------------------------------------------------------------------------------- */

void mp_object_init(mp_object *object, mp_loop *loop, const mp_behaviour *behaviour);

/* Forgets what is queued for `object`, which is about to vanish. */
void mp_object_destroy(mp_object *object);

/* Puts a socket with unsent output on the list that settle flushes. */
void mp_loop_mark_dirty(mp_loop *loop, mp_tcp_socket *socket);

static inline bool mp_loop_wants(const mp_object *object, enum mp_signal signal) {
    return object->awaited || (object->loop->wanted & MP_SIGNAL_BIT(signal)) != 0;
}

#endif
