/*
 * LocalServer: a TcpServer that listens at the name of a Unix-domain socket, and whose connections are
 * LocalSockets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_SERVER_H
#define MP_LOCAL_SERVER_H

#include "net/tcp_server.h"

/* Private to host/, except: options (the owner's), receive_descriptors (for connections that it accepts from
   now on, see local_socket.h). */
typedef struct mp_local_server {
    mp_tcp_server tcp; /* first */
    char *name;        /* as it was asked for; NULL: none was */
    size_t name_size;
    int options;
    size_t receive_descriptors;
} mp_local_server;

extern const mp_behaviour mp_local_server_behaviour;

/* A fresh server. Returns 0 or -ENOMEM. */
int mp_local_server_init(mp_local_server *server, mp_network *network);

void mp_local_server_destroy(mp_local_server *server);

/* Keeps the name that was asked for; NULL: none. Returns 0 or -ENOMEM. */
int mp_local_server_set_name(mp_local_server *server, const char *name, size_t size);

/* The name that it was asked to listen at, or else the part of its path after the last slash. "" if it
   doesn't listen. */
const char *mp_local_server_name(const mp_local_server *server, size_t *size);

#endif
