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
    pid_t pid; // of the server, 0 = its process record is not read
    int connections;
    int idle;      // further open connections
    int mute;      // in each turn, further clients that only begin a handshake
    int64_t size;  // bytes of one message
    int depth;     // messages sent before the load waits for the first answer
    long requests; // messages of a turn; a quarter of that number precedes the first turn as warm-up
    double rate;   // messages a second over all connections, 0 = as fast as they come back
    int cpu;       // for the started command, -1 = any
    bool local;    // connects to the abstract Unix-domain socket "moonport-bench-PORT"
    bool tls;      // speaks TLS
    bool resumes;  // uses the ticket of an earlier connection, if there is one
    bool sleeps;   // waits in the kernel, not spinning
    bool led;      // takes a turn for each line on standard input
    bool hang_up;  // each turn begins with a SIGHUP to the server
} plan;

#endif
