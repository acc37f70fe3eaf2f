/*
 * The network's life, and the phases of a turn; see network.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/network.h"

#include <errno.h>
#include <stdlib.h>

#include "data/buffer.h"
#include "net/kernel_pipe.h"
#include "net/linger.h"
#include "net/overload.h"
#include "net/reaper.h"
#include "net/stream.h"
#include "net/udp_state.h"
#include "resolver/resolver.h"
#include "system/system.h"

/* The first part of a turn, receiving, is in the streams' watchers. */
static const mp_phases phases = {.run = mp_stream_run, .send = mp_stream_send_all};

int mp_network_new(const mp_upcalls *loop_upcalls, const mp_network_upcalls *upcalls, void *owner,
                   mp_network **out) {
    mp_network *network = calloc(1, sizeof *network);
    *out = NULL;
    if (!network)
        return -ENOMEM;
    network->input = mp_buffer_new(MP_INPUT_SIZE);
    if (!network->input || mp_loop_init(&network->loop, loop_upcalls, &phases, owner) < 0) {
        free(network->input);
        free(network);
        return -ENOMEM;
    }
    network->upcalls = upcalls;
    network->input_used = MP_BUFFER_HEADROOM;
    mp_chunk_pool_init(&network->chunks, upcalls->unpin, owner);
    mp_overload_init(network);
    mp_ring_init(&network->servers);
    mp_ring_init(&network->outgoing);
    mp_ring_init(&network->connecting);
    mp_ring_init(&network->starving);
    mp_ring_init(&network->soon);
    ev_idle_init(&network->at_soon, mp_stream_call_those);
    ev_set_priority(&network->at_soon, EV_MAXPRI); /* runs in each turn, however much is ready */
    network->at_soon.data = network;
    *out = network;
    return 0;
}

void mp_network_free(mp_network *network) {
    if (!network)
        return;
    assert(mp_ring_is_empty(&network->servers) && mp_ring_is_empty(&network->outgoing) &&
           mp_ring_is_empty(&network->soon) && mp_ring_is_empty(&network->connecting) &&
           mp_ring_is_empty(&network->starving) && !network->dirty_head && !network->congested &&
           network->traffic.connections == 0);
    ev_idle_stop(network->loop.ev, &network->at_soon);
    ev_timer_stop(network->loop.ev, &network->relief);
    mp_overload_end(network);
    mp_resolver_free(network->resolver);
    if (network->tls)
        network->free_tls(network);
    mp_udp_free_shared(network);
    mp_linger_end(network);
    mp_reaper_end(network);
    mp_kernel_pipe_trim(network);
    mp_chunk_pool_trim(&network->chunks);
    mp_loop_destroy(&network->loop);
    free(network->owned);
    if (!network->input_lent)
        free(network->input);
    free(network);
}

void mp_network_trim(mp_network *network) {
    mp_kernel_pipe_trim(network);
    mp_chunk_pool_trim(&network->chunks);
    mp_queue_trim(&network->loop.queue);
    mp_system_trim();
}

void mp_network_lend_input(mp_network *network, mp_buffer *buffer) {
    if (!network->input_lent)
        free(network->input);
    network->input = buffer;
    network->input_lent = true;
}
