/*
 * Threads that run jobs which would hold the loop up. What a job does is its owner's; this file has the
 * queue, and the threads' life. All functions but mp_workers_gives_up are for the thread of the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WORKERS_H
#define MP_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mp_workers mp_workers;
typedef struct mp_worker mp_worker;

/* A part of the owner's job, all zero before its first use. Private. */
typedef struct mp_job {
    struct mp_job *next;
    mp_worker *worker; /* that runs it */
    enum { JOB_NONE, JOB_QUEUED, JOB_RUNNING, JOB_DONE } stage;
    bool given_up;
} mp_job;

/* What the threads do; one static table. */
typedef struct mp_workers_kind {
    /* In a thread, before its first job: makes what its jobs use. NULL: there is no memory, and it tries
       again with the next job. */
    void *(*begin)(void *owner);
    /* In the thread: runs a job. */
    void (*run)(void *context, mp_job *job);
    /* In the thread, from a signal handler while a job runs: the job shall end soon. */
    void (*interrupt)(void *context);
    /* In the thread: frees the context. */
    void (*end)(void *context);
    /* In a thread: after some time without one, a job is done. The loop calls mp_workers_next_done until
       there is none. */
    void (*done)(void *owner);
    /* In a thread, after mp_workers_end has returned false: frees a job. */
    void (*forget)(mp_job *job);
} mp_workers_kind;

/* At most `threads` at once, which are started when jobs need them, and `more` in place of stuck ones. NULL:
   no memory. */
mp_workers *mp_workers_new(const mp_workers_kind *kind, void *owner, unsigned threads, unsigned more);

/* Queues a job. Returns 0 or -errno: there is no thread yet, and none can be started. */
int mp_workers_add(mp_workers *workers, mp_job *job);

/* The jobs that wait for a thread. */
unsigned mp_workers_waiting(mp_workers *workers);

/* Takes the next job that is done, in the order of their ends; NULL: there is none. */
mp_job *mp_workers_next_done(mp_workers *workers);

/* Gives a job up: it is removed if it waits, and interrupted if it runs. True: it is no longer the workers';
   false: it still runs, and mp_workers_next_done returns it when it ends. */
bool mp_workers_give_up(mp_workers *workers, mp_job *job);

/* For a job that was given up: if it still runs, its thread is stuck, and another one takes its place.
   -> how many threads are replaced now; 0: it doesn't run, or there are no more in place of stuck ones */
unsigned mp_workers_replace(mp_workers *workers, const mp_job *job);

/* Ends the threads: drops the jobs that wait, interrupts those that run, and waits at most `msec` for them.
   -> false: a thread still runs, and the last one that ends frees what is left */
bool mp_workers_end(mp_workers *workers, double msec);

/* In a thread, within `run`: true if the job was given up. */
bool mp_workers_gives_up(void);

/* The same: takes signals of the process, as the loop's thread does, or blocks them again. A program that a
   thread starts inherits what it blocks. */
void mp_workers_take_signals(bool take);

#endif
