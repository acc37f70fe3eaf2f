/*
 * The lag; see lag.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "loop/lag.h"

#include <stdbool.h>
#include <string.h>

#define MINUTE 60000.0

void mp_lag_note(mp_lag *lag, double now, double msec) {
    if (now - lag->began >= MINUTE || now < lag->began) {
        bool old = now - lag->began >= 2 * MINUTE;
        memcpy(lag->turns[1], lag->turns[0], sizeof lag->turns[1]);
        if (old)
            memset(lag->turns[1], 0, sizeof lag->turns[1]);
        memset(lag->turns[0], 0, sizeof lag->turns[0]);
        lag->began = now;
    }
    int class = 0;
    for (double most = 1e-3; msec > most && class < MP_LAG_CLASSES - 1; most *= 2)
        class ++;
    lag->turns[0][class]++;
}

double mp_lag_quantile(const mp_lag *lag, double share) {
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < MP_LAG_CLASSES; i++)
        all += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
    double most = 1e-3;
    for (int i = 0; i < MP_LAG_CLASSES && all > 0; i++, most *= 2) {
        seen += (uint64_t)lag->turns[0][i] + lag->turns[1][i];
        if ((double)seen >= share * (double)all)
            return most;
    }
    return 0;
}
