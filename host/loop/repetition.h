/*
 * Logs repeated events once, and then as a count per second. A thousand connections that fail at the same
 * line must neither fill the disk nor hide other lines.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_REPETITION_H
#define MP_REPETITION_H

#include "loop/loop.h"

typedef struct mp_repetitions mp_repetitions;

/* Counts are logged with this level. -> NULL if there is no memory */
mp_repetitions *mp_repetitions_new(mp_loop *loop, enum mp_log_level level);

/* True if the log takes a message now. `text` is the message without the parts that differ each time; the
   same text of another origin is another message. If false, the message is counted, and the count is logged
   within a second with the first line of `summary`. `self` may be NULL: then everything is logged. */
bool mp_repetitions_note(mp_repetitions *self, uint32_t origin, const char *text, size_t length,
                         const char *summary);

/* Logs the counts and frees. */
void mp_repetitions_free(mp_repetitions *self);

#endif
