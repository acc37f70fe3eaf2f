/*
 * Pipes of the system; see kernel_pipe.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/kernel_pipe.h"

#include <stdlib.h>

#include "net/descriptor.h"
#include "system/splice.h"

#define MOST_SPARES 8

static void discard(mp_network *network, mp_kernel_pipe *pipe) {
    mp_descriptor_close(network, pipe->fds[0]);
    mp_descriptor_close(network, pipe->fds[1]);
    free(pipe);
}

mp_kernel_pipe *mp_kernel_pipe_take(mp_network *network) {
    mp_kernel_pipe *pipe = network->kernel_pipes;
    if (pipe) {
        network->kernel_pipes = pipe->next;
        network->kernel_pipe_count--;
        assert(pipe->held == 0);
        return pipe;
    }
    pipe = calloc(1, sizeof *pipe);
    if (pipe && mp_system_open_pipe(pipe->fds) < 0) {
        free(pipe);
        return NULL;
    }
    if (pipe) {
        mp_descriptor_own(network, pipe->fds[0]);
        mp_descriptor_own(network, pipe->fds[1]);
    }
    return pipe;
}

void mp_kernel_pipe_give_back(mp_network *network, mp_kernel_pipe *pipe) {
    if (!pipe)
        return;
    if (pipe->held > 0 || network->kernel_pipe_count == MOST_SPARES) {
        discard(network, pipe);
        return;
    }
    pipe->next = network->kernel_pipes;
    network->kernel_pipes = pipe;
    network->kernel_pipe_count++;
}

void mp_kernel_pipe_trim(mp_network *network) {
    mp_kernel_pipe *pipe;
    while ((pipe = network->kernel_pipes)) {
        network->kernel_pipes = pipe->next;
        discard(network, pipe);
    }
    network->kernel_pipe_count = 0;
}
