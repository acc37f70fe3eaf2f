/*
 * Repetitions; see repetition.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/repetition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/escape.h"
#include "data/hash.h"
#include "loop/timer.h"

#define SECOND 1000.0 /* milliseconds */
#define KNOWN 16      /* different texts that are recognised within a second */

typedef struct repeated {
    uint64_t hash;
    unsigned long long more; /* repetitions since the last report */
    char summary[200];
} repeated;

struct mp_repetitions {
    mp_loop *loop;
    enum mp_log_level level;
    mp_delay second; /* runs while a text is known */
    repeated known[KNOWN];
    unsigned count;
    unsigned long long others; /* errors whose text was not recognised */
};

/* Logs the counts of a second. Forgets each text that has not come again: its next time is a first one. */
static void tell(mp_repetitions *self) {
    enum mp_log_level threshold = self->loop->log_level;
    unsigned kept = 0;
    for (unsigned i = 0; i < self->count; i++) {
        repeated *it = &self->known[i];
        if (it->more == 0)
            continue;
        mp_log(threshold, self->level, "%llu more times within a second: %s", it->more, it->summary);
        it->more = 0;
        self->known[kept++] = *it;
    }
    self->count = kept;
    if (self->others > 0)
        mp_log(threshold, self->level, "%llu other errors within a second", self->others);
    self->others = 0;
}

static void on_second(mp_delay *second) {
    mp_repetitions *self = MP_CONTAINER(second, mp_repetitions, second);
    tell(self);
    if (self->count > 0)
        mp_delay_start(second, self->loop, SECOND, on_second);
}

mp_repetitions *mp_repetitions_new(mp_loop *loop, enum mp_log_level level) {
    mp_repetitions *self = calloc(1, sizeof *self);
    if (self)
        *self = (mp_repetitions){.loop = loop, .level = level};
    return self;
}

bool mp_repetitions_note(mp_repetitions *self, uint32_t origin, const char *text, size_t length,
                         const char *summary) {
    if (!self || self->level < self->loop->log_level) /* what nobody sees isn't known when somebody looks */
        return true;
    uint64_t hash = mp_hash_text(MP_HASH_START ^ origin, text, length);
    for (unsigned i = 0; i < self->count; i++) {
        if (self->known[i].hash == hash) {
            self->known[i].more++;
            return false;
        }
    }
    if (self->count == KNOWN) {
        self->others++;
        return false;
    }
    repeated *it = &self->known[self->count++];
    it->hash = hash;
    it->more = 0;
    size_t size = strcspn(summary, "\n");
    if (size >= sizeof it->summary)
        size = mp_utf8_whole(summary, sizeof it->summary - 1);
    snprintf(it->summary, sizeof it->summary, "%.*s", (int)size, summary);
    if (self->count == 1)
        mp_delay_start(&self->second, self->loop, SECOND, on_second);
    return true;
}

void mp_repetitions_free(mp_repetitions *self) {
    if (!self)
        return;
    mp_delay_stop(&self->second, self->loop);
    tell(self);
    free(self);
}
