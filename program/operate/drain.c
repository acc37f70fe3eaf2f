/*
 * Draining; see drain.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/drain.h"

#include "net/network.h"
#include "net/shutdown.h"

static void on_turn(mp_each_turn *turn) {
    program_drain *drain = MP_CONTAINER(turn, program_drain, turn);
    if (mp_network_of(drain->state->loop)->traffic.connections > 0)
        return;
    mp_each_turn_stop(turn);
    drain->drained(drain);
}

void program_begin_drain(program_drain *drain, binding_state *state, void (*drained)(program_drain *drain),
                         void *owner) {
    if (drain->active)
        return;
    *drain = (program_drain){.active = true, .state = state, .drained = drained, .owner = owner};
    mp_network_close_listeners(mp_network_of(state->loop));
    mp_each_turn_start(&drain->turn, state->loop, on_turn);
}

void program_stop_drain(program_drain *drain) {
    if (drain->active)
        mp_each_turn_stop(&drain->turn);
}
