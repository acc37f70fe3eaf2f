/*
 * moonport.work. What the thread needs is in memory of its own, since the caller may be gone before the
 * thread has done the job.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/work.h"

#include <stdlib.h>
#include <string.h>

#include "class/work_state.h"
#include "loop/bell.h"
#include "object/box.h"
#include "object/result.h"
#include "run/operation.h"

#define THREADS 4
#define MOST_REPLACED 4 /* threads that are stuck */
#define MOST_WAITING 1024
#define MEMORY ((size_t)64 << 20)

/* A copy may have so many times the memory of a state: short strings are shared in it, and long ones may
   be. */
#define MOST_COPIED 4

/* Milliseconds: a job that was given up is interrupted at once. If it still runs after that time, it is in a
   C function. */
#define STUCK 100
#define END 100 /* the same, at the end of the state */

struct binding_work {
    binding_state *state;
    mp_workers *workers; /* NULL: nothing has run yet */
    mp_bell bell;
    mp_wakeup wakeup;
    unsigned threads;
    size_t memory; /* bytes for each */
    bool bytecode; /* may be loaded */
    binding_codes codes;
    mp_ring given_up; /* jobs that still run, and nobody waits for */
};

/* The userdata that a caller waits on. */
typedef struct job_handle {
    binding_operation operation;
    binding_job *job; /* NULL: it is over, or is none of this one's any more */
} job_handle;

/* --- jobs ----------------------------------------------------------------------------------------------- */

static void forget(mp_job *ended) {
    binding_job *job = MP_CONTAINER(ended, binding_job, job);
    binding_copy_clear(&job->values);
    binding_release_code(job->code);
    free(job);
}

static void free_job(binding_job *job, mp_loop *loop) {
    if (job->link.next)
        mp_ring_remove(&job->link);
    mp_delay_stop(&job->stuck, loop);
    forget(&job->job);
}

static void on_stuck(mp_delay *delay) {
    binding_job *job = MP_CONTAINER(delay, binding_job, stuck);
    struct binding_work *work = job->waiting;
    unsigned replaced = mp_workers_replace(work->workers, &job->job);
    if (replaced > 0)
        mp_log(
            work->state->loop->log_level, MP_LOG_WARNING,
            "work: a function that was given up doesn't return from C; a thread takes the place of its own "
            "(%u of %d)",
            replaced, MOST_REPLACED);
}

/* Nobody waits for the job any more. With `interrupt` it ends soon, too. */
static void abandon(struct binding_work *work, job_handle *handle, bool interrupt) {
    binding_job *job = handle->job;
    handle->operation.over = true;
    handle->job = NULL;
    mp_object_check(&handle->operation.object);
    if (!job)
        return;
    if (interrupt && mp_workers_give_up(work->workers, &job->job)) {
        free_job(job, work->state->loop);
        return;
    }
    job->waiting = work;
    mp_ring_append(&work->given_up, &job->link);
    if (interrupt)
        mp_delay_start(&job->stuck, work->state->loop, STUCK, on_stuck);
}

/* Some jobs are done. */
static void on_done(mp_wakeup *wakeup) {
    struct binding_work *work = MP_CONTAINER(wakeup, struct binding_work, wakeup);
    mp_job *done;
    while ((done = mp_workers_next_done(work->workers))) {
        binding_job *job = MP_CONTAINER(done, binding_job, job);
        if (job->link.next) {
            free_job(job, work->state->loop);
            continue;
        }
        binding_operation_done(&((job_handle *)job->waiting)->operation);
    }
}

/* In a thread. */
static void *begin(void *owner) {
    (void)owner; /* which may be gone */
    return binding_work_begin();
}

static void tell_done(void *owner) {
    mp_wakeup_send(&((struct binding_work *)owner)->wakeup);
}

static const mp_workers_kind kind = {
    begin, binding_work_run, binding_work_interrupt, binding_work_end, tell_done, forget};

static void start(lua_State *L, struct binding_work *work) {
    if (work->workers)
        return;
    int result = mp_bell_start(&work->bell, work->state->loop);
    if (result < 0)
        luaL_error(L, "work: %s", strerror(-result)); // NOLINT(concurrency-mt-unsafe)
    mp_wakeup_start(&work->wakeup, &work->bell, on_done);
    work->workers = mp_workers_new(&kind, work, work->threads, MOST_REPLACED);
    if (work->workers)
        return;
    mp_wakeup_stop(&work->wakeup);
    mp_bell_stop(&work->bell);
    luaL_error(L, "work: out of memory");
}

/* --- moonport.work -------------------------------------------------------------------------------------- */

static const mp_behaviour behaviour = {(enum mp_kind)CLASS_JOB, binding_operation_is_active,
                                       binding_operation_step, NULL, NULL};

static struct binding_work *work_of(const job_handle *handle) {
    return ((binding_state *)handle->operation.object.loop->owner)->work;
}

static void destroy(mp_object *object) {
    job_handle *handle = (job_handle *)object;
    if (handle->job && !handle->operation.over)
        abandon(work_of(handle), handle, true);
    else if (handle->job)
        free_job(handle->job, object->loop);
    handle->job = NULL;
    mp_object_destroy(object);
}

static int job_gc(lua_State *L) {
    return binding_finalise(L, destroy);
}

static job_handle *check_job(lua_State *L) {
    return (job_handle *)binding_operation_at_1(L);
}

/* The caller's task is over, perhaps before the job. A reload doesn't interrupt it. */
static int job_close(lua_State *L) {
    job_handle *handle = check_job(L);
    const binding_task *task = binding_task_of(L);
    if (handle->operation.object.loop && !handle->operation.over)
        abandon(work_of(handle), handle, !(task && binding_has_retired(task)));
    return 0;
}

/* Stack: 1 job -> the results | nil, message, code. Raises the error of the function. */
static int worked(lua_State *L, int status, lua_KContext context) {
    job_handle *handle = check_job(L);
    (void)status;
    (void)context;
    if (!handle->operation.over) {
        abandon(work_of(handle), handle, true);
        return binding_fail(L, "work", binding_wait_fault(L));
    }
    binding_job *job = handle->job;
    int count = binding_copy_push(L, &job->values);
    bool raised = job->outcome != JOB_RETURNED;
    handle->job = NULL;
    free_job(job, handle->operation.object.loop);
    if (!raised)
        return count;
    if (count == 0)
        lua_pushliteral(L, "work: out of memory");
    return lua_error(L);
}

/* A job of the code with the values behind the handle, which is at index 1. */
static void prepare(lua_State *L, job_handle *handle, binding_work_code *code) {
    binding_job *job = calloc(1, sizeof *job);
    if (!job) {
        luaL_error(L, "work: out of memory");
        return;
    }
    handle->job = job;
    job->code = code;
    job->memory = work_of(handle)->memory;
    job->bytecode = work_of(handle)->bytecode;
    job->values.most = MOST_COPIED * job->memory;
    job->waiting = handle;
    code->references++;
    binding_copy_put(L, &job->values, 2, "work: argument");
}

/* moonport.work(fn, ...) -> what fn returns | nil, message, code */
static int module_work(lua_State *L) {
    binding_state *state = binding_state_of(L);
    struct binding_work *work = state->work;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    luaL_argcheck(L, !lua_iscfunction(L, 1), 1, "a function in Lua expected, got one in C");
    if (!binding_can_wait(L))
        return luaL_error(L, "cannot wait here");
    start(L, work);
    binding_work_code *code = binding_code_of(L, &work->codes);
    if (mp_workers_waiting(work->workers) >= MOST_WAITING)
        return binding_fail(L, "work: too many functions wait for a thread", MP_FAULT_RESOURCE);
    job_handle *handle = (job_handle *)binding_new_operation(L, state, sizeof *handle, &behaviour);
    lua_remove(L, 2);
    prepare(L, handle, code);
    lua_settop(L, 1);
    binding_anchor(L, 1, &handle->operation.object);
    lua_toclose(L, 1);
    int result = mp_workers_add(work->workers, &handle->job->job);
    if (result < 0) {
        mp_object_check(&handle->operation.object);
        return binding_fail(L, "work", mp_fault_from_errno(MP_ATTEMPT_READ, -result));
    }
    handle->operation.over = false;
    return binding_wait_for_operation(L, &handle->operation, worked);
}

/* --- life ----------------------------------------------------------------------------------------------- */

void binding_limit_work(binding_state *state, unsigned threads, size_t memory) {
    state->work->threads = threads;
    state->work->memory = memory;
}

void binding_allow_work_bytecode(binding_state *state, bool allowed) {
    state->work->bytecode = allowed;
}

void binding_open_work(lua_State *L, binding_state *state) {
    state->work = binding_allocate(L, sizeof *state->work);
    state->work->state = state;
    mp_ring_init(&state->work->given_up);
    binding_limit_work(state, THREADS, MEMORY);
    binding_allow_work_bytecode(state, true);
    binding_open_codes(L, &state->work->codes);
    binding_open_operation(L, state, CLASS_JOB, job_gc, job_close);
}

void binding_end_work(binding_state *state) {
    struct binding_work *work = state->work;
    if (!work || !work->workers)
        return;
    on_done(&work->wakeup);
    bool ended = mp_workers_end(work->workers, END);
    for (mp_ring *link = work->given_up.next, *next; link != &work->given_up; link = next) {
        binding_job *job = MP_CONTAINER(link, binding_job, link);
        next = link->next;
        mp_ring_remove(link);
        mp_delay_stop(&job->stuck, state->loop);
        if (ended)
            free_job(job, state->loop);
    }
    work->workers = NULL;
    mp_wakeup_stop(&work->wakeup);
    mp_bell_stop(&work->bell);
    binding_free_codes(&work->codes);
}

const luaL_Reg binding_work_functions[] = {{"work", module_work}, {NULL, NULL}};
