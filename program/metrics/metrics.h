/*
 * --metrics: Prometheus' /metrics and a page, over HTTP. A process of the program's own serves them, see
 * process.lua: what the network does to it costs the service nothing, and it still answers while a handler
 * keeps the service busy. It asks by visits, as `moonport ctl` does. Its owner is the master of --workers, or
 * the only process. This is the owner's part: the listening socket, the process, and who is visited.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_METRICS_H
#define PROGRAM_METRICS_H

#include "own_process.h"
#include "workers/channel.h"

typedef struct program_metrics {
    program_own_process process;
    program_channel channel; /* to it */
    int fd;                  /* listens */
    char place[64];          /* where: "127.0.0.1:9090" */
    void (*admit)(void *owner, int fd);
    void *owner; /* of `admit` */
} program_metrics;

/* Listens where the options say, and starts the process. `admit` takes a visitor, an end of a connection.
   Returns NULL, or why it can't: a constant, or `text`. */
const char *program_start_metrics(program_metrics *self, binding_state *state, const program_options *options,
                                  void (*admit)(void *owner, int fd), void *owner, char *text, size_t size);

void program_stop_metrics(program_metrics *self);

/* --- in the process that serves them -------------------------------------------------------------------- */

/* Makes the program serve metrics, and do nothing else. */
void program_become_metrics(lua_State *L, program_options *options);

#endif
