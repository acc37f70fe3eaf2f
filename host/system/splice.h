/*
 * Moving bytes between descriptors without reading them. Each function returns a result or -errno, as in
 * system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SPLICE_H
#define MP_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes a pipe: fds[0] is read, fds[1] is written; neither blocks. */
int mp_system_open_pipe(int fds[2]);

/* Moves at most `size` bytes from one descriptor to the other; one of them is a pipe. -> bytes; 0 at the end
   of the stream; -EAGAIN */
ssize_t mp_system_splice(int from, int to, size_t size);

/* Opens a regular file to send it; nothing waits. -ENXIO: it is none. */
int mp_system_open_to_send(const char *path);

/* Another descriptor of an open file, to send it. The same failures. */
int mp_system_copy_descriptor(int fd);

/* The size of a file now. */
int64_t mp_system_file_size(int fd);

/* Sends at most `size` bytes of a file from *offset, which moves on. -> bytes; 0 behind the end of the file;
   -EAGAIN: the socket takes no more now; -EINVAL: files of this kind can only be read */
ssize_t mp_system_send_file(int socket, int fd, int64_t *offset, size_t size);

/* Reads a file at `offset`; it may wait for the disk. -> bytes; 0 behind the end */
ssize_t mp_system_read_at(int fd, void *data, size_t size, int64_t offset);

#endif
