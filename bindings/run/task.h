/*
 * Tasks: handlers, spawned functions and main chunks, as pooled coroutines.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TASK_H
#define BINDING_TASK_H

#include <assert.h>

#include "loop/repetition.h"
#include "loop/timer.h"
#include "object/box.h"
#include "object/generation.h"

enum { WAIT_RUNNING, WAIT_READY, WAIT_TIMED_OUT, WAIT_CANCELLED };

/* What a task waits for. `test` says whether a signal of `object` ends it. */
struct binding_wait {
    binding_wait *next, *previous; /* in the ring of waits on the same object; NULL: in none */
    binding_task *task;            /* NULL: the main program of a plain Lua, which drives the loop itself */
    mp_loop *loop;
    mp_object *object; /* NULL: only time */
    bool (*test)(const binding_wait *wait);
    lua_KFunction k;      /* runs when it is over, */
    lua_KContext context; /* with this, */
    int top;              /* and so many values on the stack */
    bool lets_close;      /* waits for the end, so that the waiting handler doesn't delay it (D4) */
    uint64_t signals;     /* those that are worth a test */
    uint64_t mark;        /* counter at the start */
    mp_delay delay;
    int outcome;
};

/* What a task is, and what is done when it ends. */
struct binding_task_kind {
    const char *name;
    /* It may run for ever: it is at work only on the last connection that it took, and its connections
       outlive its failure. */
    bool lasting;
    /* It has failed; its error value is on top of its stack. NULL: no report. Never raises. */
    void (*failed)(binding_task *task);
    /* Called from the loop when it ends: `count` results or an error value are on top of its stack, and
       `status` is LUA_OK, LUA_YIELD for cancelled, or an error. Never raises. May be NULL. */
    void (*ended)(binding_task *task, int status, int count);
    /* Its wait is over; the kind resumes it later. NULL: it is resumed at once. */
    void (*woken)(binding_task *task);
};

struct binding_task {
    binding_context context;
    mp_ring link; /* in tasks->all */
    binding_state *state;
    const binding_task_kind *kind;
    lua_State *co;
    int co_reference;
    binding_task *next_spare;
    uint32_t pass;     /* the last pass that looked at it, see generation/retirement.c */
    bool suspended;    /* has waited: counts as alive, and as at work on `on` */
    bool entered;      /* its coroutine is run, reported or closed: meanwhile it can only be doomed */
    bool working;      /* counted in on->at_work (D4) */
    bool doomed;       /* is cancelled as soon as it waits */
    bool told;         /* an error of it was reported */
    bool spoilt;       /* by an error of a hook: no hook would guard its variables, so they aren't closed */
    bool sliced;       /* interrupted by its hook: goes on in the next turn */
    bool late;         /* ended by its hook, with the error tasks->late */
    bool of_prototype; /* the handler is its server's prototype's */
    mp_object *on;     /* the object of the handler's signal */
    enum mp_signal signal;
    binding_box *taken; /* sockets that it took from nextPendingConnection */
    void *owner;        /* of `kind` */
    double since;       /* when it began to wait: milliseconds of mp_loop_turn_time */
    double deadline;    /* of moonport.deadline: milliseconds of mp_loop_now, 0: none */
    binding_wait wait;
};

typedef struct binding_tasks {
    mp_ring all;
    binding_task *spares;
    unsigned spare_count;
    unsigned count;                        /* suspended or waiting to start */
    unsigned cancelling;                   /* being cancelled, each by the one before */
    uint64_t errors;                       /* of handlers, ever */
    mp_repetitions *repetitions;           /* of these errors in the log */
    uint64_t peer_errors;                  /* faults of peers, by moonport.fail, ever */
    mp_repetitions *peer_repetitions;      /* of those in the log */
    uint64_t resume_errors;                /* those in connectionResumed */
    int cant_yield, lost, not_yours, late; /* references: what errors say */
    lua_State *nobody; /* the coroutine of a lost task where there is no memory for another */
} binding_tasks;

static inline binding_task *binding_running_task(const binding_state *state) {
    return (binding_task *)state->running;
}

/* The task whose coroutine this is; NULL: it is one of the script's own, or of the state itself. */
static inline binding_task *binding_task_of(lua_State *L) {
    return *(binding_task **)lua_getextraspace(L);
}

/* The task runs code of the generation, and refers to it until it is over. */
static inline void binding_belong(binding_task *task, binding_generation *generation) {
    assert(!task->context.generation);
    binding_reference(generation);
    task->context.generation = generation;
}

/* True if it is a task or timer handler of a retired run. Then it doesn't run any more. */
static inline bool binding_has_retired(const binding_task *task) {
    return task->context.of_run && binding_is_retired(task->context.generation) &&
           (task->kind->lasting || (task->on && task->on->behaviour->kind == MP_TIMER));
}

/* Prepares the state for tasks. Raises on lack of memory. */
void binding_open_tasks(lua_State *L, binding_state *state);

/* Frees all tasks; their coroutines go with the Lua state. */
void binding_free_tasks(binding_state *state);

/* A task for a handler, with an empty stack that has LUA_MINSTACK slots; the caller sets what it runs on,
   its kind and its context. NULL on lack of memory. */
binding_task *binding_take_task(binding_state *state);

/* Takes back a task that ended well or never began. */
void binding_give_back(binding_task *task);

/* A task for the function and `arguments` on top of L's stack, which are popped; NULL on lack of memory.
   Resume it before any code of the script can run. */
binding_task *binding_new_task(binding_state *state, const binding_task_kind *kind, lua_State *L,
                               int arguments);

/* Runs a task until it waits or ends. From the loop only. */
void binding_resume(binding_task *task, int arguments);

/* Ends a suspended task: closes its variables, which runs code of the script. One that runs ends where it
   would wait. */
void binding_cancel(binding_task *task);

/* Ends a task that has never run. */
void binding_discard(binding_task *task);

#endif
