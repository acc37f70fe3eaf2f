/*
 * What the owner of a loop waits for beside its objects: the next turn, a signal of the system, a descriptor, a word from a
 * signal handler. A watcher is the owner's memory, all zero before it is started for the first time; it keeps no loop
 * running. Each callback runs from the loop, which is settled afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WATCHER_H
#define MP_WATCHER_H

#include "loop/loop.h"

/* Once, before the other events of the next turn; the loop doesn't sleep until then. */
typedef struct mp_soon {
    ev_idle watcher;
    mp_loop *loop;
    void (*run)(struct mp_soon *soon);
} mp_soon;

/* Does nothing if it is to run already. */
void mp_soon_start(mp_soon *soon, mp_loop *loop, void (*run)(mp_soon *soon));
void mp_soon_stop(mp_soon *soon);

/* Each turn, before the loop waits. */
typedef struct mp_each_turn {
    ev_prepare watcher;
    mp_loop *loop;
    void (*run)(struct mp_each_turn *each);
} mp_each_turn;

void mp_each_turn_start(mp_each_turn *each, mp_loop *loop, void (*run)(mp_each_turn *each));
void mp_each_turn_stop(mp_each_turn *each);

/* A signal of the system has come; several may be told as one. */
typedef struct mp_interrupt {
    ev_signal watcher;
    mp_loop *loop;
    void (*raised)(struct mp_interrupt *interrupt);
} mp_interrupt;

void mp_interrupt_start(mp_interrupt *interrupt, mp_loop *loop, int number,
                        void (*raised)(mp_interrupt *interrupt));
void mp_interrupt_stop(mp_interrupt *interrupt);

/* mp_wakeup_send was called since the last time. */
typedef struct mp_wakeup {
    ev_async watcher;
    mp_loop *loop;
    void (*woken)(struct mp_wakeup *wakeup);
} mp_wakeup;

void mp_wakeup_start(mp_wakeup *wakeup, mp_loop *loop, void (*woken)(mp_wakeup *wakeup));
void mp_wakeup_stop(mp_wakeup *wakeup);

/* The one call here that a signal handler may make. */
void mp_wakeup_send(mp_wakeup *wakeup);

/* A descriptor has something to read. */
typedef struct mp_readable {
    ev_io watcher;
    mp_loop *loop;
    bool deaf; /* the poll can't watch it: `ready` is called for that, and no more */
    void (*ready)(struct mp_readable *readable);
} mp_readable;

void mp_readable_start(mp_readable *readable, mp_loop *loop, int fd, void (*ready)(mp_readable *readable));
void mp_readable_stop(mp_readable *readable);

#endif
