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
    binding_wait *next, *previous; /* in the ring of those on the same object; NULL: in none */
    binding_task *task;            /* NULL: the main program of a plain Lua, which drives the loop itself */
    mp_loop *loop;
    mp_object *object; /* NULL: only time */
    bool (*test)(const binding_wait *wait);
    lua_KFunction k;      /* goes on when it is over, */
    lua_KContext context; /* with this, */
    int top;              /* and so many values on the stack */
    bool lets_close;      /* waits for the end: the waiting handler doesn't hold it up (D4) */
    uint64_t signals;     /* those that are worth a test */
    uint64_t mark;        /* counter at the start */
    mp_delay delay;
    int outcome;
};

/* What a task is, and what is done when it ends. */
struct binding_task_kind {
    const char *name;
    /* It may go on for ever: of the connections that it takes it is at work on the last alone, and they
       outlive its failure. */
    bool lasting;
    /* It has failed; its error value is on top of its stack. NULL: nobody is told. Never raises. */
    void (*failed)(binding_task *task);
    /* It has ended, from the loop: `count` results or an error value are on top of its stack, and `status`
       is LUA_OK, LUA_YIELD for cancelled, or an error. Never raises. NULL: nobody is told. */
    void (*ended)(binding_task *task, int status, int count);
};

struct binding_task {
    binding_context context;
    mp_ring link; /* in tasks->all */
    binding_state *state;
    const binding_task_kind *kind;
    lua_State *co;
    int co_reference;
    binding_task *next_spare;
    uint32_t pass;  /* in which it was looked at, see generation/retirement.c */
    bool suspended; /* has waited: counts as alive, and as at work on `on` */
    bool entered;  /* its coroutine is being run, reported or closed: only its doom can be sealed meanwhile */
    bool working;  /* counted in on->at_work (D4) */
    bool doomed;   /* to be cancelled as soon as it waits */
    bool told;     /* an error of it has been told */
    bool sliced;   /* interrupted by its hook: goes on in the next turn */
    mp_object *on; /* the object of the handler's signal */
    enum mp_signal signal;
    binding_box *taken; /* sockets that it took from nextPendingConnection */
    void *owner;        /* of `kind` */
    binding_wait wait;
};

typedef struct binding_tasks {
    mp_ring all;
    binding_task *spares;
    unsigned spare_count;
    unsigned count;                  /* suspended or waiting to start */
    unsigned cancelling;             /* being cancelled, each by the one before */
    uint64_t errors;                 /* of handlers, ever */
    mp_repetitions *repetitions;     /* of them in the log */
    uint64_t resume_errors;          /* of those the ones in connectionResumed */
    int cant_yield, lost, not_yours; /* references: what errors say */
    lua_State *nobody;               /* the coroutine of a lost task where there is no memory for another */
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

/* Is it part of a retired run: a task or the handler of a timer? Then it runs no more. */
static inline bool binding_has_retired(const binding_task *task) {
    return task->context.of_run && binding_is_retired(task->context.generation) &&
           (task->kind->lasting || (task->on && task->on->behaviour->kind == MP_TIMER));
}

/* Makes what tasks need of the state. Raises on lack of memory. */
void binding_open_tasks(lua_State *L, binding_state *state);

/* Frees all tasks; their coroutines go with the Lua state. */
void binding_free_tasks(binding_state *state);

/* A task for a handler, with an empty stack that has LUA_MINSTACK slots; the caller sets what it runs on,
   its kind and its context. NULL on lack of memory. */
binding_task *binding_take_task(binding_state *state);

/* A handler of the task, which runs several, has returned, or there was none: whatever there is to do
   after one. */
void binding_end_handler(binding_task *task);

/* Takes back a task that has ended well or never begun. */
void binding_give_back(binding_task *task);

/* A task for the function and `arguments` on top of L's stack, which are popped; NULL on lack of memory.
   It is to be resumed before any code of the script can run. */
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
