/*
 * The lag; see lag.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/lag.h"

#include <stdbool.h>
#include <string.h>

#define MINUTE 60000.0

/* The longest turn of a class, in milliseconds. */
static double most_of(int number) {
    return (double)(1 << number) / 1e3;
}

void mp_lag_turn_over(mp_lag *lag, double now) {
    if (now - lag->began < MINUTE && now >= lag->began)
        return;
    bool old = now - lag->began >= 2 * MINUTE;
    memcpy(lag->turns[1], lag->turns[0], sizeof lag->turns[1]);
    if (old)
        memset(lag->turns[1], 0, sizeof lag->turns[1]);
    memset(lag->turns[0], 0, sizeof lag->turns[0]);
    lag->longest[1] = old ? 0 : lag->longest[0];
    lag->longest[0] = 0;
    lag->began = now;
}

void mp_lag_note_longest(mp_lag *lag, double now, double msec) {
    mp_lag_turn_over(lag, now);
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
    for (int i = 0; i < MP_LAG_CLASSES; i++)
        all += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
    for (int i = 0; i < MP_LAG_CLASSES && all > 0; i++) {
        seen += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
        if ((double)seen >= share * (double)all)
            return most_of(i);
    }
    return 0;
}
