/*
 * The lag of a loop: how long its turns take, and so how long whoever becomes ready meanwhile has to wait.
 * The numbers are of this minute and the one before it.
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
    double longest[2];                 /* milliseconds */
    double began;                      /* this minute: milliseconds */
} mp_lag;

/* Begins a minute if this one is over. The time is `now`, in milliseconds. */
void mp_lag_turn_over(mp_lag *lag, double now);

/* A turn that counts took `msec`. */
void mp_lag_note(mp_lag *lag, double now, double msec);

/* A turn took `msec`, longer than the longest of this minute. */
void mp_lag_note_longest(mp_lag *lag, double now, double msec);

/* The time that this share (0 to 1) of the counted turns didn't exceed, in milliseconds and rounded up to a
   class; 0: none was counted. */
double mp_lag_quantile(const mp_lag *lag, double share);

/* The longest turn, in milliseconds. */
static inline double mp_lag_longest(const mp_lag *lag) {
    return lag->longest[0] > lag->longest[1] ? lag->longest[0] : lag->longest[1];
}

#endif
