/*
 * Pipes of the system, into which splice(2) moves bytes without copying them. A network keeps a few that are
 * empty, so that each is in use only while bytes are in it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_KERNEL_PIPE_H
#define MP_KERNEL_PIPE_H

#include <stddef.h>

#include "net/network.h"

typedef struct mp_kernel_pipe {
    struct mp_kernel_pipe *next; /* spare */
    int fds[2];                  /* read end, write end */
    size_t held;                 /* bytes in it */
} mp_kernel_pipe;

/* An empty pipe; NULL: there is no memory or descriptor for one. */
mp_kernel_pipe *mp_kernel_pipe_take(mp_network *network);

/* Gives it back; what is still in it is dropped. NULL does nothing. */
void mp_kernel_pipe_give_back(mp_network *network, mp_kernel_pipe *pipe);

/* Closes the spare ones. */
void mp_kernel_pipe_trim(mp_network *network);

#endif
