/*
 * The lag of a loop: how long its turns take, and so how long whoever becomes ready meanwhile has to wait.
 * The numbers are of this minute and the one before it; `recent` is of this spell of two seconds and the one
 * before it, for who looks each second.
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
    double longest[2], recent[2];      /* milliseconds */
    double began, spell;               /* this minute, this spell of two seconds: milliseconds */
} mp_lag;

/* Begins a minute and a spell if this one is over. The time is `now`, in milliseconds. */
void mp_lag_turn_over(mp_lag *lag, double now);

/* A turn that counts took `msec`. */
void mp_lag_note(mp_lag *lag, double now, double msec);

/* A turn took `msec`, longer than recent[0]. */
void mp_lag_note_longest(mp_lag *lag, double now, double msec);

/* The time that this share (0 to 1) of the counted turns didn't exceed, in milliseconds and rounded up to a
   class that isn't above the longest; 0: none was counted. */
double mp_lag_quantile(const mp_lag *lag, double share);

/* The longest turn, in milliseconds. */
static inline double mp_lag_longest(const mp_lag *lag) {
    return lag->longest[0] > lag->longest[1] ? lag->longest[0] : lag->longest[1];
}

/* The longest turn of the last two to four seconds, in milliseconds, if somebody asks as often. */
static inline double mp_lag_recent(const mp_lag *lag) {
    return lag->recent[0] > lag->recent[1] ? lag->recent[0] : lag->recent[1];
}

#endif
