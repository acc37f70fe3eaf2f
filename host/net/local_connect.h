/*
 * Connecting to a Unix-domain socket. The system says at once whether that succeeds, but for one case: the
 * server's backlog is full. The poll doesn't report when it has room, so a timer tries again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_CONNECT_H
#define MP_LOCAL_CONNECT_H

#include "data/error.h"
#include "data/local_name.h"
#include "net/network.h"
#include "net/socket_option.h"

typedef struct mp_local_connect mp_local_connect;

/* It is over: `fd` is connected and belongs to the owner from now on, or it is -1, and `fault` says why.
   Called from the loop, or by mp_local_connect_begin. The connect may be freed in it. */
typedef void mp_local_connected(void *owner, int fd, enum mp_fault fault);

/* `own_fd` isn't -1: connects on that descriptor, which remains the owner's. `options` are set on the
   descriptor. NULL: no memory. */
mp_local_connect *mp_local_connect_new(mp_network *network, const mp_local_name *name, int own_fd,
                                       mp_socket_options *options, mp_local_connected *over, void *owner);

void mp_local_connect_begin(mp_local_connect *connect);

/* Stops and frees it; no callback follows. NULL does nothing. */
void mp_local_connect_free(mp_local_connect *connect);

#endif
