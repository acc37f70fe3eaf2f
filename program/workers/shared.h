/*
 * The listening sockets of a worker: its master makes them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SHARED_H
#define PROGRAM_SHARED_H

#include "net/network.h"
#include "workers/worker.h"

/* From now on the network's servers get their sockets from the master. */
void program_share_sockets(mp_network *network);

/* The path of the store's socket, which the master starts if none runs. NULL: `path` has it; else why there
   is none, which may be in `path`. */
const char *program_ask_store(program_worker *self, char *path, size_t size);

#endif
