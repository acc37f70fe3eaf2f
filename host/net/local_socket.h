/*
 * LocalSocket: a TcpSocket that is connected to a Unix-domain socket. It knows the name and the credentials
 * of its server or peer, and passes descriptors. Without descriptors, it is as small as a TcpSocket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_SOCKET_H
#define MP_LOCAL_SOCKET_H

#include "net/tcp_socket.h"

/* Private to host/. */
typedef struct mp_local_socket {
    mp_tcp_socket tcp; /* first */
} mp_local_socket;

extern const mp_stream_class mp_local_socket_class;

void mp_local_socket_init(mp_local_socket *socket, mp_network *network);

/* The name that a connect is given if none is: as it was asked for, and in full. Returns 0 or -ENOMEM. */
int mp_local_socket_set_name(mp_local_socket *socket, const char *asked, size_t size,
                             const mp_local_name *full);

/* The name that was asked for, "" if none was. It stays after the connection ends. */
const char *mp_local_socket_name(const mp_local_socket *socket, size_t *size);

/* The name in full, or that of the accepting or the adopted socket. False: there is none. */
bool mp_local_socket_full_name(const mp_local_socket *socket, mp_local_name *name);

/* Whether names that are asked for are abstract ones. Returns 0 or -ENOMEM. */
int mp_local_socket_set_abstract(mp_local_socket *socket, bool abstract);
bool mp_local_socket_is_abstract(const mp_local_socket *socket);

/* Who is at the other end. Returns 0; -ENOTCONN; or another -errno. */
int mp_local_socket_credentials(const mp_local_socket *socket, pid_t *pid, uid_t *uid, gid_t *gid);

/* True if a LocalSocket can adopt it: it is a Unix-domain socket. */
bool mp_local_socket_adopts(int fd);

/* Call it after mp_tcp_socket_set_descriptor. Returns 0 or -ENOMEM. */
int mp_local_socket_adopted(mp_local_socket *socket);

/* From now on, takes the descriptors that come with the bytes, until `most` wait to be received. The others
   are closed. 0: all of them. Returns 0 or -ENOMEM. */
int mp_local_socket_set_receive(mp_local_socket *socket, size_t most);
size_t mp_local_socket_receive_limit(const mp_local_socket *socket);

/* The oldest descriptor that has arrived, which is the caller's from now on; -1: there is none. They are kept
   until the socket is closed, or connected again. */
int mp_local_socket_take_descriptor(mp_local_socket *socket);
size_t mp_local_socket_descriptor_count(const mp_local_socket *socket);

/* Writes `data`, at least a byte, and a duplicate of `fd` with its first byte. Faults: those of
   mp_stream_write; INVALID_DESCRIPTOR. */
enum mp_fault mp_local_socket_send_descriptor(mp_local_socket *socket, int fd, const char *data, size_t size);

#endif
