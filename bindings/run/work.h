/*
 * A task and objects: it waits for one, runs a handler of one, and is at work on those that it took (D4).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WORK_H
#define BINDING_WORK_H

#include "run/task.h"

/* Notes that the running task took `socket` from nextPendingConnection. */
void binding_taken(binding_state *state, binding_box *box);

/* Forgets a socket that vanishes or whose handler ended. */
void binding_untaken(binding_box *box);

/* Call it after each handler of a task that runs several, also if there was none. */
static inline void binding_end_handler(binding_task *task) {
    binding_leave(task->state, task->co);
    while (task->taken)
        binding_untaken(task->taken);
    task->on = NULL;
    binding_unreference(task->context.generation);
    task->context.generation = NULL;
}

/* Puts a wait into the ring of those on its object. */
void binding_link_wait(binding_wait *wait);

/* Takes it out again: its object is about to vanish. */
void binding_unlink_wait(binding_wait *wait);

/* The task waits, for the first time or again: it holds its object, and is at work on it or not. */
void binding_suspended(binding_task *task);

/* The task is over: releases its object, and emits what was held back while it waited. */
void binding_leave_object(binding_task *task);

/* Detaches all tasks from the object, which is about to vanish. Its waits have been unlinked. */
void binding_abandon(binding_box *box);

/* Puts a wait (or a mark, which has no test) before another in the ring, or last for NULL. Takes it out. */
void binding_put_wait(binding_box *box, binding_wait *wait, binding_wait *before);
void binding_take_wait(binding_box *box, binding_wait *wait);

/* Ends a wait without regard to its test. */
void binding_end_wait(binding_wait *wait, int outcome);

#endif
