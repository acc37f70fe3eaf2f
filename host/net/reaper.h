/*
 * Processes that have been killed and have no owner any more: the system keeps them until somebody has
 * learnt of their end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_REAPER_H
#define MP_REAPER_H

#include "net/network.h"

/* Learns of the end of the process with this descriptor, which stays its owner's. Nothing keeps the loop
   running for it. */
void mp_reaper_take(mp_network *network, int process);

/* Waits for those that are left: they have been killed. */
void mp_reaper_end(mp_network *network);

#endif
