/*
 * Overload: a bound for the memory of all buffers of connections together, and the connections that are
 * refused. Only memory that stays is counted: what goes straight through costs nothing here.
 *
 * In eighths of the bound: over 6 a connection isn't read while it holds more than its share, which is
 * those 6 divided by the number of connections; this ends below 5. Over 7 no connection is accepted. Over
 * 8, or over 7 for a second, those that hold the most end with OVERLOAD, until 6 are left.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_OVERLOAD_H
#define MP_OVERLOAD_H

#include "data/buffer.h"
#include "net/stream_state.h"

/* Sets the bound, in bytes; 0: none. */
void mp_overload_set_bound(mp_network *network, size_t bytes);

/* Closes the descriptor of a client that was accepted, at once and without a trace in the system, counts
   it, and has the log tell of it, with others, at most once in ten seconds. */
void mp_overload_refuse(mp_network *network, int fd, enum mp_refusal why, const mp_address *peer,
                        uint16_t port);

/* --- for host/ only ------------------------------------------------------------------------------------- */

/* Sets up the part of a new network, and stops that of one that is freed. */
void mp_overload_init(mp_network *network);
void mp_overload_end(mp_network *network);

/* The memory of buffers may have grown. If that is too much, something is done about it behind this turn;
   until then nothing more is received if it is beyond the bound. */
static inline void mp_overload_look(mp_network *network) {
    mp_overload *overload = &network->overload;
    if (overload->bound == 0 || mp_network_buffers(network) <= overload->look_at)
        return;
    if (!overload->due) {
        overload->due = true;
        ev_timer_stop(network->loop.ev, &overload->tick);
        ev_timer_set(&overload->tick, 0., 0.);
        ev_timer_start(network->loop.ev, &overload->tick);
    }
    if (mp_network_buffers(network) > overload->bound)
        overload->deaf |= FLAG_COUNTED; /* all of them */
}

/* A buffer of input had `before` bytes of memory, and has `after`. */
static inline void mp_overload_count(mp_network *network, size_t before, size_t after) {
    network->overload.input += after - before;
    if (after > before)
        mp_overload_look(network);
}

/* What a stream holds, in bytes. */
static inline size_t mp_stream_held(const mp_stream *stream) {
    return (stream->in == mp_stream_network(stream)->input ? 0 : mp_buffer_memory(stream->in)) +
           mp_stream_unsent(stream);
}

#endif
