/*
 * Counts of handlers; see count.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/count.h"

#include <stdlib.h>

binding_counts *binding_make_counts(binding_counts **place) {
    *place = calloc(1, sizeof **place);
    return *place;
}

void binding_free_counts(binding_state *state) {
    for (int kind = 0; kind < MP_KIND_COUNT; kind++) {
        free(state->own_counts[kind]);
        state->own_counts[kind] = NULL;
    }
}
