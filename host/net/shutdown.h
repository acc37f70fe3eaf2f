/*
 * Stopping: closes what listens, ends each connection after it has sent everything, and reports the progress.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SHUTDOWN_H
#define MP_SHUTDOWN_H

#include "net/network.h"

/* Closes every listener; connections remain. */
void mp_network_close_listeners(mp_network *network);

/* Begins to stop: closes the listeners, and each connection after it has sent what is queued. Signals follow
   from the loop. */
void mp_network_wind_down(mp_network *network);

/* True if no connection is left, and nothing is left to deliver. */
bool mp_network_is_drained(const mp_network *network);

/* The number of connections that have not sent everything yet. */
uint64_t mp_network_undrained(const mp_network *network);

#endif
