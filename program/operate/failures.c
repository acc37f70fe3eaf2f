/*
 * The last errors; see failures.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/failures.h"

#include <stdlib.h>
#include <string.h>

#include "data/hash.h"

/* The longest line, and the longest traceback, in bytes. */
#define LONGEST_LINE 2048
#define LONGEST_TRACE 8192

static program_failure *place_of(program_failures_kept *self, uint64_t hash) {
    program_failure *oldest = self->kept;
    for (program_failure *it = self->kept; it < self->kept + PROGRAM_FAILURES; it++) {
        if (it->count > 0 && it->hash == hash)
            return it;
        if (it->last < oldest->last)
            oldest = it;
    }
    return oldest;
}

void program_keep_failure(program_failures_kept *self, double now, unsigned generation,
                          const binding_failure *failure) {
    uint64_t hash = mp_hash_text(MP_HASH_START, failure->message, strlen(failure->message));
    program_failure *place = place_of(self, hash);
    if (place->count > 0 && place->hash == hash) {
        place->count++;
        place->last = now;
        place->generation = generation;
        return;
    }
    char *line = strndup(failure->line, LONGEST_LINE), *trace = strndup(failure->trace, LONGEST_TRACE);
    if (!line || !trace) {
        free(line);
        free(trace);
        return;
    }
    free(place->line);
    free(place->trace);
    *place = (program_failure){.hash = hash,
                               .count = 1,
                               .first = now,
                               .last = now,
                               .generation = generation,
                               .line = line,
                               .trace = trace};
}

void program_free_failures(program_failures_kept *self) {
    for (int i = 0; i < PROGRAM_FAILURES; i++) {
        free(self->kept[i].line);
        free(self->kept[i].trace);
    }
    *self = (program_failures_kept){0};
}
