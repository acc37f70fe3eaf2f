/*
 * The lag of a loop: how long its turns take, and so how long whoever becomes ready meanwhile has to wait.
 * One turn in 32 is measured. The numbers are of this minute and the one before it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LAG_H
#define MP_LAG_H

#include <stdint.h>

/* A turn of up to 2^i microseconds counts in class i. */
enum { MP_LAG_CLASSES = 24 };

typedef struct mp_lag {
    uint32_t turns[2][MP_LAG_CLASSES]; /* this minute's, the last one's */
    double began;                      /* this minute: milliseconds */
} mp_lag;

/* A turn has taken `msec`; the time is `now`, in milliseconds. */
void mp_lag_note(mp_lag *lag, double now, double msec);

/* The time that this share (0 to 1) of the measured turns didn't exceed, in milliseconds and rounded up to a
   class; 0: none was measured. */
double mp_lag_quantile(const mp_lag *lag, double share);

#endif
