// SPDX-License-Identifier: MIT
//
// What the command line asks for.

#ifndef LOAD_PLAN_H
#define LOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct plan {
    uint16_t port;
    pid_t pid; // of the server, 0 = nothing is read from its process record
    int connections;
    int idle;      // connections held open beside them
    int64_t size;  // bytes of one message
    int depth;     // messages sent before the first answer is waited for
    long requests; // messages of a turn; a quarter of them goes before the first as warm-up
    double rate;   // messages a second over all connections, 0 = as fast as they come back
    int cpu;       // that the started command gets, -1 = any
    bool sleeps;   // waits in the kernel, not spinning
    bool led;      // takes a turn for each line on standard input
    bool hang_up;  // each turn begins with a SIGHUP to the server
} plan;

#endif
