/*
 * The listening sockets of a worker: its master makes them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SHARED_H
#define PROGRAM_SHARED_H

#include <signal.h>

#include "net/network.h"
#include "workers/worker.h"

/* The signal that a worker gets when its master is gone. Before it is handled, it ends the process. */
#define MP_PARTING SIGIO

/* From now on the network's servers get their sockets from the master. */
void program_share_sockets(mp_network *network);

#endif
