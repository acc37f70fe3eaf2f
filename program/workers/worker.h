/*
 * A worker: one of several processes that run the script, under a master (--workers). The master gives it the
 * sources and the listening sockets, decides its reloads and stops it. Its end of the channel is here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WORKER_H
#define PROGRAM_WORKER_H

#include "workers/channel.h"

typedef struct program program;

typedef struct program_worker {
    program *program; /* NULL: the process is no worker */
    program_channel channel;
    char name[16];        /* its number, for the log */
    unsigned long serial; /* of the last question to the master */
    int sources;          /* that it has been given for what comes next: registry reference */
    bool lost;            /* not all of them, for want of memory or descriptors */
    bool leaves;          /* another process has its place, and its sockets */
} program_worker;

/* Takes its place: waits for the master's first word. The state is open, and no script runs yet. -> NULL, or
   why it can't */
const char *program_start_worker(program_worker *self, program *owner);

/* The loop ended: tells the master why. */
void program_leave_worker(program_worker *self);

/* moonport.quit: the whole program ends with this status. */
void program_quit_workers(program_worker *self, int status);

/* Too many handlers had no memory: another process takes this one's place. */
void program_give_up_worker(program_worker *self);

/* Ends everything, from outside the loop. */
void program_stop_worker(program_worker *self);

#endif
