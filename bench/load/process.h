// SPDX-License-Identifier: MIT
//
// The server's process record.

#ifndef LOAD_PROCESS_H
#define LOAD_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

// Both return 0 for process 0.
int64_t cpu_time(pid_t pid);        // ns, user and system, all threads, exact to the moment
int64_t resident_memory(pid_t pid); // bytes, once it has stopped changing (or a second has passed)

#endif
