/*
 * System calls for Unix-domain sockets. Each function returns a result or -errno, as in system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SYSTEM_LOCAL_H
#define MP_SYSTEM_LOCAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "data/local_name.h"

int mp_system_bind_local(int fd, const mp_local_name *name);

/* 0 if connected; -EAGAIN: the backlog is full, and the poll doesn't report when it isn't. */
int mp_system_connect_local(int fd, const mp_local_name *name);

/* The name that the socket, or its peer, is bound to. -ENOENT: it has none. -EAFNOSUPPORT: it is no
   Unix-domain socket. */
int mp_system_local_name(int fd, mp_local_name *name);
int mp_system_peer_local_name(int fd, mp_local_name *name);

bool mp_system_is_local(int fd);

/* Has somebody this name? A listener doesn't notice the question. 0 or -EPROTOTYPE: yes; -ECONNREFUSED: no;
   another -errno: nobody knows. */
int mp_system_knock(const mp_local_name *name);

/* Who was at the other end when it connected, or began to listen. */
int mp_system_peer_credentials(int fd, pid_t *pid, uid_t *uid, gid_t *gid);

/* Sets the mode that bind(2) gives the file, apart from the umask. */
int mp_system_set_socket_mode(int fd, mode_t mode);

/* Sets the group (-1: leaves it) and the mode of the file itself, not of one that it links to. */
int mp_system_set_file_access(const char *path, gid_t group, mode_t mode);

/* The group with this name. -ENOENT: there is none. */
int mp_system_find_group(const char *name, gid_t *group);

/* Locks the folder of a file for this process. Another process that looks at a file there holds it for a
   moment, and is waited for; -EAGAIN: for too long. -> a descriptor, to close */
int mp_system_lock_folder_of(const char *path);

/* Two connected stream sockets, close-on-exec; the first doesn't block. */
int mp_system_pair(int fds[2]);

/* Another descriptor of the same file, close-on-exec. */
int mp_system_duplicate(int fd);

/* As mp_system_receive, and puts at most *count descriptors that came with the bytes into `fds`. *count
   becomes their number. The system closes the others. */
ssize_t mp_system_receive_descriptors(int fd, void *data, size_t size, int *fds, int *count);

/* As mp_system_send_vectors, with a descriptor. */
ssize_t mp_system_send_descriptor(int fd, const struct iovec *vectors, int count, int descriptor);

#endif
