/*
 * All system calls of the host. Each returns a result or -errno; a caller never sees EINTR.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SYSTEM_H
#define MP_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "data/address.h"

/* A non-blocking, close-on-exec stream socket of `family`. */
int mp_system_socket(int family);

/* Returns 0 if a descriptor is available now; otherwise why not (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM). For
   failures of libraries that don't report the cause. */
int mp_system_shortage(void);

int mp_system_bind(int fd, const mp_address *address, uint16_t port);
int mp_system_listen(int fd, int backlog);

/* Makes a listening descriptor ignore new clients, so that they try again; connects in progress still
   complete. Returns 0 or -errno. */
int mp_system_ignore_new_clients(int fd);

/* A non-blocking, close-on-exec connection; -EAGAIN if none waits. Fills in the peer. */
int mp_system_accept(int fd, mp_address *peer, uint16_t *port);

/* 0 if connected, -EINPROGRESS, or another error. */
int mp_system_connect(int fd, const mp_address *address, uint16_t port);

/* After a failed attempt: makes the descriptor like new, with its local port. */
void mp_system_unconnect(int fd);

/* The outcome of a connect in progress: 0 or -errno. */
int mp_system_connect_result(int fd);

/* Bytes; 0 at the end of the stream; -EAGAIN if there are none. `plain` descriptors (FIFOs) are not
   sockets. */
ssize_t mp_system_receive(int fd, void *data, size_t size, bool plain);
ssize_t mp_system_send(int fd, const void *data, size_t size, bool plain);
ssize_t mp_system_send_vectors(int fd, const struct iovec *vectors, int count, bool plain);

/* Waits until the descriptor has something to read, or room to write. -> 1; 0: not in time */
int mp_system_wait(int fd, bool to_write, int msec);

int mp_system_shutdown_write(int fd);

/* Ends the socket, whoever else has a descriptor of it. */
int mp_system_shutdown(int fd);

/* Closes a descriptor. Standard input, output and error stay open, on /dev/null. An adopted descriptor blocks
   again if it did before (adoption.h). */
void mp_system_close(int fd);

/* Opens /dev/null as standard input, output and error if they are closed. */
void mp_system_open_standard(void);

int mp_system_local_address(int fd, mp_address *address, uint16_t *port);
int mp_system_peer_address(int fd, mp_address *address, uint16_t *port);

int mp_system_set_option(int fd, int level, int name, int value);
int mp_system_get_option(int fd, int level, int name, int *value);

/* SO_LINGER with no time: close drops unsent data and resets the connection. The getter returns 0, 1 or
   -errno. */
int mp_system_set_reset_on_close(int fd, bool reset);
int mp_system_resets_on_close(int fd);

/* True for a stream socket; *listening: it is in listen(2) state. */
bool mp_system_is_stream_socket(int fd, bool *listening);

/* True for a FIFO, and for any other descriptor that read, write and the poll support. */
bool mp_system_is_pipe(int fd);

/* Bytes that the system has taken and the peer has not confirmed; negative if unknown. None of a Unix-domain
   socket: what was sent lies with the peer. */
int mp_system_unsent(int fd);

/* Bytes that have arrived and were not received yet; negative if unknown. */
int mp_system_unread(int fd);

/* True if anything has arrived in the last `msec` milliseconds, or if the system can't tell (it is no TCP
   socket). */
bool mp_system_heard_within(int fd, unsigned msec);

/* Reserves addresses, without memory behind them; NULL: there are not so many. */
void *mp_system_reserve(size_t size);

/* Puts memory behind a part of them. Returns 0 or -errno. */
int mp_system_commit(void *start, size_t size);

/* Returns the memory of whole pages; their contents are lost, the pages stay usable. */
void mp_system_forget(void *start, size_t size);

/* Keeps so much freed memory for reuse; otherwise the allocator would return it and ask for it again. */
void mp_system_keep_freed(size_t size);

/* Returns freed memory to the system, if the allocator can. */
void mp_system_trim(void);

/* Fills it with bytes that nobody can guess. */
void mp_system_random(void *bytes, size_t size);

/* Whole milliseconds since 1970, of the clock that may be set. */
int64_t mp_system_epoch(void);

/* Writes to stderr what it takes at once. -> bytes, or -EAGAIN or another -errno */
ssize_t mp_system_write_stderr(const char *data, size_t size);

#endif
