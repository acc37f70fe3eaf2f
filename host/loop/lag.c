/*
 * The lag; see lag.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/lag.h"

#include <stdbool.h>
#include <string.h>

#define MINUTE 60000.0
#define SPELL 2000.0

/* The longest turn of a class, in milliseconds. */
static double most_of(int number) {
    return (double)(1 << number) / 1e3;
}

/* Begins a period of so many milliseconds if this one is over. 0: it isn't; 2: the next one would be, too. */
static int turn_over(double *began, double period, double longest[2], double now) {
    if (now - *began < period && now >= *began)
        return 0;
    bool old = now - *began >= 2 * period;
    longest[1] = old ? 0 : longest[0];
    longest[0] = 0;
    *began = now;
    return old ? 2 : 1;
}

void mp_lag_turn_over(mp_lag *lag, double now) {
    (void)turn_over(&lag->spell, SPELL, lag->recent, now);
    int over = turn_over(&lag->began, MINUTE, lag->longest, now);
    if (over == 0)
        return;
    memcpy(lag->turns[1], lag->turns[0], sizeof lag->turns[1]);
    if (over == 2)
        memset(lag->turns[1], 0, sizeof lag->turns[1]);
    memset(lag->turns[0], 0, sizeof lag->turns[0]);
}

void mp_lag_note_longest(mp_lag *lag, double now, double msec) {
    mp_lag_turn_over(lag, now);
    lag->recent[0] = msec;
    if (msec > lag->longest[0])
        lag->longest[0] = msec;
}

void mp_lag_note(mp_lag *lag, double now, double msec) {
    mp_lag_turn_over(lag, now);
    int number = 0;
    while (number < MP_LAG_CLASSES - 1 && msec > most_of(number))
        number++;
    lag->turns[0][number]++;
}

double mp_lag_quantile(const mp_lag *lag, double share) {
    uint64_t all = 0, seen = 0;
    double longest = mp_lag_longest(lag);
    for (int i = 0; i < MP_LAG_CLASSES; i++)
        all += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
    for (int i = 0; i < MP_LAG_CLASSES && all > 0; i++) {
        seen += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
        if ((double)seen >= share * (double)all)
            return most_of(i) < longest ? most_of(i) : longest;
    }
    return 0;
}
