/*
 * Descriptors that come from elsewhere. O_NONBLOCK belongs to the open file description, and other processes
 * may share that: a shell's terminal is its program's standard input, and the shell can't use it if it stays
 * non-blocking. So what was made non-blocking blocks again when the descriptor is closed, and when the
 * process ends.
 *
 * Open files belong to the process, and so does this record. It covers descriptors below 64, which include
 * the inherited ones.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ADOPTION_H
#define MP_ADOPTION_H

/* Sets O_NONBLOCK and close-on-exec on a descriptor that comes from elsewhere. Returns 0 or -errno. */
int mp_system_adopt(int fd);

/* Call it before a close: the descriptor blocks again, if it did before. Does nothing to others. */
void mp_system_give_back(int fd);

/* Call it when the process ends: does the same for all the rest. exit(3) calls it; a signal handler may. */
void mp_system_give_back_all(void);

#endif
