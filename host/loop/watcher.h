/*
 * What the owner of a loop waits for, apart from its objects: the next turn, each turn, a descriptor. A
 * watcher is in the owner's memory, all zero before its first start. It doesn't keep the loop running. The
 * loop calls each callback and then settles.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_WATCHER_H
#define MP_WATCHER_H

#include "loop/loop.h"

/* Runs once, before the other events of the next turn; the loop doesn't sleep until then. */
typedef struct mp_soon {
    ev_idle watcher;
    mp_loop *loop;
    void (*run)(struct mp_soon *soon);
} mp_soon;

/* Does nothing if it is already started. */
void mp_soon_start(mp_soon *soon, mp_loop *loop, void (*run)(mp_soon *soon));
void mp_soon_stop(mp_soon *soon);

/* Runs in each turn, before the loop waits. */
typedef struct mp_each_turn {
    ev_prepare watcher;
    mp_loop *loop;
    void (*run)(struct mp_each_turn *each);
} mp_each_turn;

void mp_each_turn_start(mp_each_turn *each, mp_loop *loop, void (*run)(mp_each_turn *each));
void mp_each_turn_stop(mp_each_turn *each);

/* Runs when a descriptor has something to read. */
typedef struct mp_readable {
    ev_io watcher;
    mp_loop *loop;
    bool deaf; /* the poll can't watch it: this is the only call of `ready` */
    void (*ready)(struct mp_readable *readable);
} mp_readable;

void mp_readable_start(mp_readable *readable, mp_loop *loop, int fd, void (*ready)(mp_readable *readable));
void mp_readable_stop(mp_readable *readable);

/* The same for a descriptor that has room to write; mp_readable_stop stops it. */
void mp_writable_start(mp_readable *writable, mp_loop *loop, int fd, void (*ready)(mp_readable *writable));

#endif
