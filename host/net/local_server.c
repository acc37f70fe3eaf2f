/*
 * LocalServers; see local_server.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/local_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/local_socket.h"
#include "net/stream.h"

const mp_behaviour mp_local_server_behaviour = {MP_LOCAL_SERVER, mp_tcp_server_is_active, NULL,
                                                mp_tcp_server_close_object, mp_tcp_server_wind_down};

static void admit(mp_tcp_server *tcp, mp_stream *stream, int fd) {
    size_t most = ((mp_local_server *)tcp)->receive_descriptors;
    mp_tcp_server_admit_at_once(tcp, stream, fd);
    if (most > 0 && mp_local_socket_set_receive((mp_local_socket *)stream, most) < 0)
        mp_stream_fail(stream, MP_FAULT_RESOURCE);
}

int mp_local_server_init(mp_local_server *server, mp_network *network) {
    int result = mp_tcp_server_init_as(&server->tcp, network, &mp_local_server_behaviour);
    if (result < 0)
        return result;
    server->tcp.admit = admit;
    server->name = NULL;
    server->name_size = 0;
    server->options = 0;
    server->receive_descriptors = 0;
    return 0;
}

void mp_local_server_destroy(mp_local_server *server) {
    mp_tcp_server_destroy(&server->tcp);
    free(server->name);
    server->name = NULL;
}

int mp_local_server_set_name(mp_local_server *server, const char *name, size_t size) {
    char *copy = name ? malloc(size + 1) : NULL;
    if (name && !copy)
        return -ENOMEM;
    if (name) {
        memcpy(copy, name, size);
        copy[size] = '\0';
    }
    free(server->name);
    server->name = copy;
    server->name_size = name ? size : 0;
    return 0;
}

const char *mp_local_server_name(const mp_local_server *server, size_t *size) {
    const mp_local_name *full = mp_tcp_server_local_name(&server->tcp);
    *size = 0;
    if (!full)
        return "";
    if (server->name) {
        *size = server->name_size;
        return server->name;
    }
    size_t start = full->size;
    while (start > 0 && full->bytes[start - 1] != '/')
        start--;
    *size = full->size - start;
    return full->bytes + start;
}
