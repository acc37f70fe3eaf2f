/*
 * Input for several sockets at once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_BATCH_H
#define BINDING_BATCH_H

#include "net/network.h"

/* The upcall: emits readyRead on the sockets that have received input. */
void binding_arrived(mp_network *network);

#endif
