/*
 * The system calls of the host, all of them. Each returns a result or -errno; EINTR is never seen by a
 * caller.
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

/* Is there a descriptor to be had now? 0, or what stands in the way (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM).
   For the failures of libraries that don't tell theirs. */
int mp_system_shortage(void);

int mp_system_bind(int fd, const mp_address *address, uint16_t port);
int mp_system_listen(int fd, int backlog);

/* Has a listening descriptor be silent to who would connect, so that they try again; those who are about to
   be connected are. 0 or -errno. */
int mp_system_ignore_new_clients(int fd);

/* A non-blocking, close-on-exec connection; -EAGAIN when none waits. Fills in the peer. */
int mp_system_accept(int fd, mp_address *peer, uint16_t *port);

/* 0 connected, -EINPROGRESS, or another error. */
int mp_system_connect(int fd, const mp_address *address, uint16_t port);

/* After a failed attempt: makes the descriptor as good as new, with the local port that it had. */
void mp_system_unconnect(int fd);

/* The outcome of a connect in progress: 0 or -errno. */
int mp_system_connect_result(int fd);

/* Bytes, 0 at the end of the stream, -EAGAIN when nothing is there. `plain` descriptors (FIFOs) are not
   sockets. */
ssize_t mp_system_receive(int fd, void *data, size_t size, bool plain);
ssize_t mp_system_send(int fd, const void *data, size_t size, bool plain);
ssize_t mp_system_send_vectors(int fd, const struct iovec *vectors, int count, bool plain);

int mp_system_shutdown_write(int fd);

/* Closes it. Standard input, output and error stay open, on /dev/null; what was adopted blocks again if it
   did (adoption.h). */
void mp_system_close(int fd);

/* Opens /dev/null for those of standard input, output and error that are closed. */
void mp_system_open_standard(void);

int mp_system_local_address(int fd, mp_address *address, uint16_t *port);
int mp_system_peer_address(int fd, mp_address *address, uint16_t *port);

int mp_system_set_option(int fd, int level, int name, int value);
int mp_system_get_option(int fd, int level, int name, int *value);

/* SO_LINGER of no time: close drops what was not sent and resets the connection. The getter gives 0, 1 or
   -errno. */
int mp_system_set_reset_on_close(int fd, bool reset);
int mp_system_resets_on_close(int fd);

/* True for a stream socket; *listening says whether it is in listen(2) state. */
bool mp_system_is_stream_socket(int fd, bool *listening);

/* True for a FIFO or another descriptor that read, write and the poll understand. */
bool mp_system_is_pipe(int fd);

/* Bytes that the system has taken and the peer has not confirmed; negative if that can't be told. */
int mp_system_unsent(int fd);

/* Bytes that have come and were not received yet; negative if that can't be told. */
int mp_system_unread(int fd);

/* Has anything come in the last `msec` milliseconds? False if that can't be told. */
bool mp_system_heard_within(int fd, unsigned msec);

/* Starts a program, looked up by PATH: `arguments` and `environment` end with NULL. Its standard input,
   output and error are pipes, whose other ends are left in `fds`. It is killed should this process end. */
int mp_system_spawn(char *const *arguments, char *const *environment, pid_t *pid, int fds[3]);

/* Of a child: 0 while it runs, 1 when it has ended, with its exit status or the signal that ended it. */
int mp_system_reap(pid_t pid, int *status, bool *signalled);

int mp_system_kill(pid_t pid, int signal);

/* The path of the program that runs, cut at `size`. */
int mp_system_program(char *path, size_t size);

/* Addresses that nothing else gets, without memory behind them; NULL: there are not so many. */
void *mp_system_reserve(size_t size);

/* Puts memory behind a part of them. Returns 0 or -errno. */
int mp_system_commit(void *start, size_t size);

/* Gives the memory of whole pages back; what stood there is lost, the pages stay usable. */
void mp_system_forget(void *start, size_t size);

/* Keeps so much of what is freed for what comes next, where the allocator would give it back and ask for it
   again. */
void mp_system_keep_freed(size_t size);

/* Gives memory that was freed back to the system, where the allocator can. */
void mp_system_trim(void);

/* Writes to stderr what it takes at once. -> bytes, or -EAGAIN and others */
ssize_t mp_system_write_stderr(const char *data, size_t size);

#endif
