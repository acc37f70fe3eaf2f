/*
 * What happens again and again is logged once, and then as a number a second: a thousand connections that
 * fail at the same line must neither fill the disk nor hide what else there is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_REPETITION_H
#define MP_REPETITION_H

#include "loop/loop.h"

typedef struct mp_repetitions mp_repetitions;

/* -> NULL on lack of memory */
mp_repetitions *mp_repetitions_new(mp_loop *loop);

/* Something is to be logged whose text, but for what differs each time, is `text`; the same of another origin
   is something else. Is it to be? If not it is counted, and told with the first line of `summary` within a
   second. `self` may be NULL: then all is logged. */
bool mp_repetitions_note(mp_repetitions *self, uint32_t origin, const char *text, size_t length,
                         const char *summary);

/* Tells what has been counted. */
void mp_repetitions_free(mp_repetitions *self);

#endif
