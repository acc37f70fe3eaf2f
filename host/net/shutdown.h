/*
 * Stopping: closing what listens, ending what is connected once it has sent what it was given, and how far
 * that is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SHUTDOWN_H
#define MP_SHUTDOWN_H

#include "net/network.h"

/* Closes every listener; connections stay. */
void mp_network_close_listeners(mp_network *network);

/* Begins to stop: listeners close, and every connection once what it has queued is sent. Signals follow from
   the loop. */
void mp_network_wind_down(mp_network *network);

/* Is there no connection any more, and nothing to deliver? */
bool mp_network_is_drained(const mp_network *network);

/* How many connections have not sent all that they were given. */
uint64_t mp_network_undrained(const mp_network *network);

#endif
