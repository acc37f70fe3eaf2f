/*
 * Ports that several processes of one program listen at, each with a socket of its own: the system spreads
 * the clients over these. One process makes them all. It first reserves the address, as an ordinary listener
 * would: the port is this program's, or somebody else's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PORT_H
#define MP_PORT_H

#include <stdbool.h>

#include "data/address.h"
#include "data/error.h"

/* Makes a socket for listening at the address, which may be used at once where connections of an earlier
   listener linger. ANY becomes Null where there is no IPv6. -> descriptor or -errno */
int mp_port_socket(mp_address *address);

/* Binds a socket that never listens to the address, and so reserves it. *port: 0 becomes the number that the
   system chooses. With `beside`, the program has other ports there that overlap. */
enum mp_fault mp_port_reserve(const mp_address *address, uint16_t *port, bool beside, int *fd);

/* Makes a socket at a reserved address. It doesn't listen yet, and gets no clients until then. */
enum mp_fault mp_port_share(const mp_address *address, uint16_t port, int *fd);

#endif
