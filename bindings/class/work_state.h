/*
 * The Lua state of a thread of moonport.work. It lives in that thread alone, and has nothing of moonport.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WORK_STATE_H
#define BINDING_WORK_STATE_H

#include "class/work_code.h"
#include "class/work_copy.h"
#include "loop/timer.h"
#include "system/workers.h"

/* A call. The loop's thread and the one that runs it have it in turn. */
typedef struct binding_job {
    mp_job job;
    binding_work_code *code;
    size_t memory;       /* most bytes of the state that runs it */
    bool bytecode;       /* that state loads bytecode */
    binding_copy values; /* the arguments; after it has run, the results or the error */
    enum { JOB_RETURNED, JOB_RAISED, JOB_GIVEN_UP } outcome;
    /* of the loop's thread alone */
    void *waiting; /* the handle of the caller; or, of one that was given up, what has all jobs */
    mp_ring link;  /* in the ring of those that were given up, or in none */
    mp_delay stuck;
} binding_job;

/* What mp_workers_kind asks for. */
void *binding_work_begin(void);
void binding_work_run(void *context, mp_job *queued);
void binding_work_interrupt(void *context);
void binding_work_end(void *context);

#endif
