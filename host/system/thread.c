/*
 * A thread that takes turns; see thread.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/thread.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define STACK ((size_t)8 << 20) /* addresses, as many as for the first thread */

struct mp_turns {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { TURN_OURS, TURN_ITS, TURN_ENDED } turn;
    void (*run)(mp_turns *turns, void *context);
    void *context;
    sigset_t signals; /* that whoever has the turn blocks */
};

/* Call it with the lock held. */
static void await_its_turn(mp_turns *turns) {
    while (turns->turn != TURN_ITS)
        pthread_cond_wait(&turns->changed, &turns->lock);
    pthread_sigmask(SIG_SETMASK, &turns->signals, NULL);
}

/* The thread that has the turn is about to give it. */
static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static void *run(void *argument) {
    mp_turns *turns = argument;
    pthread_mutex_lock(&turns->lock);
    await_its_turn(turns);
    pthread_mutex_unlock(&turns->lock);
    turns->run(turns, turns->context);
    block_signals(NULL);
    pthread_mutex_lock(&turns->lock);
    turns->turn = TURN_ENDED;
    pthread_cond_signal(&turns->changed);
    pthread_mutex_unlock(&turns->lock);
    return NULL;
}

static int create(mp_turns *turns) {
    pthread_attr_t attributes;
    sigset_t before;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    (void)pthread_attr_setstacksize(&attributes, STACK);
    block_signals(&before);
    error = pthread_create(&turns->thread, &attributes, run, turns);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

static void release(mp_turns *turns) {
    pthread_cond_destroy(&turns->changed);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

mp_turns *mp_system_start_turns(void (*function)(mp_turns *turns, void *context), void *context) {
    mp_turns *turns = calloc(1, sizeof *turns);
    if (!turns)
        return NULL;
    turns->run = function;
    turns->context = context;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->changed, NULL);
    if (create(turns) != 0) {
        release(turns);
        return NULL;
    }
    return turns;
}

bool mp_system_pass_turn(mp_turns *turns) {
    sigset_t before;
    block_signals(&before);
    turns->signals = before;
    pthread_mutex_lock(&turns->lock);
    assert(turns->turn == TURN_OURS);
    turns->turn = TURN_ITS;
    pthread_cond_signal(&turns->changed);
    while (turns->turn == TURN_ITS)
        pthread_cond_wait(&turns->changed, &turns->lock);
    bool goes_on = turns->turn == TURN_OURS;
    pthread_mutex_unlock(&turns->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return goes_on;
}

void mp_system_return_turn(mp_turns *turns) {
    block_signals(NULL);
    pthread_mutex_lock(&turns->lock);
    assert(turns->turn == TURN_ITS);
    turns->turn = TURN_OURS;
    pthread_cond_signal(&turns->changed);
    await_its_turn(turns);
    pthread_mutex_unlock(&turns->lock);
}

void mp_system_end_turns(mp_turns *turns) {
    assert(turns->turn == TURN_ENDED);
    pthread_join(turns->thread, NULL);
    release(turns);
}
