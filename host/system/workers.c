/*
 * Threads that run jobs; see workers.h.
 *
 * A thread blocks all signals but SIGURG, which nothing else here uses and which does nothing by default. It
 * is sent to a thread whose job was given up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/workers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define STACK ((size_t)8 << 20) /* addresses, as many as for the first thread */
#define INTERRUPT SIGURG

/* How often an interrupt is repeated at the end: a job may catch one. */
#define AGAIN 10 /* milliseconds */

struct mp_worker {
    mp_worker *next; /* in workers->all */
    mp_workers *workers;
    pthread_t thread;
    void *context;
    mp_job *job;                         /* that runs */
    volatile sig_atomic_t interruptible; /* within kind->run */
    volatile sig_atomic_t given_up;      /* the job that runs is */
    bool replaced;                       /* it is stuck, and another thread may run */
};

struct mp_workers {
    const mp_workers_kind *kind;
    void *owner;
    pthread_mutex_t lock;
    pthread_cond_t work;  /* a job waits, or the threads must end */
    pthread_cond_t ended; /* a thread ended */
    mp_job *first, **last;
    mp_job *done, **last_done;
    mp_worker *all;
    unsigned waiting;                        /* jobs */
    unsigned alive, serving, idle, replaced; /* threads; the last are stuck */
    unsigned most, more;
    sigset_t signals; /* that the loop's thread blocks */
    bool ending;
    bool abandoned; /* the loop doesn't wait for the last threads */
};

/* Global: a signal handler has no other way to find it. It is in the storage that each thread has from its
   start: what dlopen adds needs a look-up, and LeakSanitizer, which finds that in a thread by itself, crashed
   on it. */
static __attribute__((tls_model("initial-exec"))) _Thread_local mp_worker *self;

static void on_interrupt(int number) {
    int error = errno;
    (void)number;
    if (self && self->interruptible && self->given_up)
        self->workers->kind->interrupt(self->context);
    errno = error;
}

/* --- the threads ---------------------------------------------------------------------------------------- */

static mp_job *take(mp_workers *workers) {
    mp_job *job = workers->first;
    workers->first = job->next;
    if (!workers->first)
        workers->last = &workers->first;
    workers->waiting--;
    job->next = NULL;
    return job;
}

static void put_done(mp_workers *workers, mp_job *job) {
    bool first = !workers->done;
    job->stage = JOB_DONE;
    job->worker = NULL;
    job->next = NULL;
    *workers->last_done = job;
    workers->last_done = &job->next;
    if (first && !workers->ending) /* after that, the owner may be gone */
        workers->kind->done(workers->owner);
}

/* Runs a job, with the lock held before and behind. */
static void run_job(mp_worker *worker, mp_job *job) {
    mp_workers *workers = worker->workers;
    worker->job = job;
    worker->given_up = 0;
    job->worker = worker;
    job->stage = JOB_RUNNING;
    pthread_mutex_unlock(&workers->lock);
    if (!worker->context)
        worker->context = workers->kind->begin(workers->owner);
    worker->interruptible = worker->context != NULL;
    workers->kind->run(worker->context, job);
    worker->interruptible = 0;
    pthread_mutex_lock(&workers->lock);
    worker->job = NULL;
    if (worker->replaced) {
        worker->replaced = false;
        workers->replaced--;
    }
    put_done(workers, job);
}

/* More than there should be: a stuck one goes on that was replaced. */
static bool is_surplus(const mp_workers *workers) {
    return workers->serving > workers->most + workers->replaced;
}

static void free_workers(mp_workers *workers) {
    pthread_cond_destroy(&workers->ended);
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

/* In the last thread, after the loop's end. */
static void free_abandoned(mp_workers *workers) {
    for (mp_job *job = workers->done, *next; job; job = next) {
        next = job->next;
        workers->kind->forget(job);
    }
    free_workers(workers);
}

/* Takes a thread off the list, and ends it. The lock is held at first. */
static void leave(mp_worker *worker) {
    mp_workers *workers = worker->workers;
    workers->serving--;
    pthread_mutex_unlock(&workers->lock);
    if (worker->context)
        workers->kind->end(worker->context);
    pthread_mutex_lock(&workers->lock);
    mp_worker **place = &workers->all;
    while (*place != worker)
        place = &(*place)->next;
    *place = worker->next;
    bool frees = --workers->alive == 0 && workers->abandoned;
    pthread_cond_signal(&workers->ended);
    pthread_mutex_unlock(&workers->lock); /* otherwise, another thread may free the workers now */
    if (frees)
        free_abandoned(workers);
    self = NULL;
    free(worker);
}

static void *run(void *argument) {
    mp_worker *worker = self = argument;
    mp_workers *workers = worker->workers;
    pthread_mutex_lock(&workers->lock);
    while (!workers->ending && !is_surplus(workers)) {
        if (workers->first) {
            run_job(worker, take(workers));
            continue;
        }
        workers->idle++;
        pthread_cond_wait(&workers->work, &workers->lock);
        workers->idle--;
    }
    leave(worker);
    return NULL;
}

static void fill(sigset_t *blocked) {
    sigfillset(blocked);
    sigdelset(blocked, INTERRUPT);
}

static int create(mp_worker *worker) {
    pthread_attr_t attributes;
    sigset_t blocked, before;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    (void)pthread_attr_setstacksize(&attributes, STACK);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    fill(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    error = pthread_create(&worker->thread, &attributes, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Starts another thread; call it with the lock held. Returns 0 or -errno. */
static int start(mp_workers *workers) {
    mp_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return -ENOMEM;
    worker->workers = workers;
    int error = create(worker);
    if (error != 0) {
        free(worker);
        return -error;
    }
    worker->next = workers->all;
    workers->all = worker;
    workers->alive++;
    workers->serving++;
    return 0;
}

/* --- for the loop --------------------------------------------------------------------------------------- */

mp_workers *mp_workers_new(const mp_workers_kind *kind, void *owner, unsigned threads, unsigned more) {
    mp_workers *workers = calloc(1, sizeof *workers);
    struct sigaction action = {
        .sa_handler = on_interrupt}; /* without SA_RESTART: it interrupts a read, too */
    assert(threads > 0);
    if (!workers)
        return NULL;
    workers->kind = kind;
    workers->owner = owner;
    workers->most = threads;
    workers->more = more;
    workers->last = &workers->first;
    workers->last_done = &workers->done;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    (void)sigaction(INTERRUPT, &action, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &workers->signals);
    sigaddset(&workers->signals, SIGPROF); /* the watchdog's, about the loop's thread */
    return workers;
}

int mp_workers_add(mp_workers *workers, mp_job *job) {
    int result = 0;
    assert(job->stage == JOB_NONE && !workers->ending);
    pthread_mutex_lock(&workers->lock);
    if (workers->idle <= workers->waiting && workers->serving < workers->most + workers->replaced)
        result = start(workers);
    if (workers->serving > workers->replaced)
        result = 0; /* another thread will run it */
    if (result == 0) {
        job->stage = JOB_QUEUED;
        job->next = NULL;
        *workers->last = job;
        workers->last = &job->next;
        if (workers->waiting++ < workers->idle)
            pthread_cond_signal(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return result;
}

unsigned mp_workers_waiting(mp_workers *workers) {
    pthread_mutex_lock(&workers->lock);
    unsigned waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

mp_job *mp_workers_next_done(mp_workers *workers) {
    pthread_mutex_lock(&workers->lock);
    mp_job *job = workers->done;
    if (job) {
        workers->done = job->next;
        if (!workers->done)
            workers->last_done = &workers->done;
        job->next = NULL;
        job->stage = JOB_NONE;
    }
    pthread_mutex_unlock(&workers->lock);
    return job;
}

/* Removes a waiting job. */
static void drop(mp_workers *workers, mp_job *job) {
    mp_job **place = &workers->first;
    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    if (workers->last == &job->next)
        workers->last = place;
    workers->waiting--;
    job->next = NULL;
    job->stage = JOB_NONE;
}

/* Call it with the lock held. */
static void interrupt(mp_worker *worker) {
    worker->given_up = 1;
    (void)pthread_kill(worker->thread, INTERRUPT);
}

bool mp_workers_give_up(mp_workers *workers, mp_job *job) {
    pthread_mutex_lock(&workers->lock);
    job->given_up = true;
    if (job->stage == JOB_QUEUED)
        drop(workers, job);
    else if (job->stage == JOB_RUNNING)
        interrupt(job->worker);
    bool ours = job->stage == JOB_NONE;
    pthread_mutex_unlock(&workers->lock);
    return ours;
}

unsigned mp_workers_replace(mp_workers *workers, const mp_job *job) {
    unsigned replaced = 0;
    pthread_mutex_lock(&workers->lock);
    if (job->stage == JOB_RUNNING && job->given_up && workers->replaced < workers->more) {
        assert(!job->worker->replaced);
        job->worker->replaced = true;
        replaced = ++workers->replaced;
        if (workers->first)
            (void)start(workers);
    }
    pthread_mutex_unlock(&workers->lock);
    return replaced;
}

bool mp_workers_gives_up(void) {
    return self->given_up != 0;
}

void mp_workers_take_signals(bool take) {
    sigset_t blocked;
    fill(&blocked);
    pthread_sigmask(SIG_SETMASK, take ? &self->workers->signals : &blocked, NULL);
}

static struct timespec in_time(double msec) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(msec / 1000);
    at.tv_nsec += (long)(msec * 1e6) % 1000000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool mp_workers_end(mp_workers *workers, double msec) {
    struct timespec now, until = in_time(msec);
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    while (workers->first)
        drop(workers, workers->first);
    pthread_cond_broadcast(&workers->work);
    do {
        for (mp_worker *worker = workers->all; worker; worker = worker->next)
            if (worker->job)
                interrupt(worker);
        struct timespec soon = in_time(AGAIN);
        if (workers->alive > 0)
            (void)pthread_cond_timedwait(&workers->ended, &workers->lock, &soon);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (workers->alive > 0 &&
             (now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec)));
    bool all = workers->alive == 0;
    workers->abandoned = !all;
    pthread_mutex_unlock(&workers->lock);
    if (all)
        free_workers(workers);
    return all;
}
