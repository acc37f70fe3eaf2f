/*
 * The lag of a loop: what it says of turns, and for how long.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/lag.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

#define START 1e9 /* milliseconds */

static mp_lag lag;

static int set_up(void **state) {
    (void)state;
    lag = (mp_lag){0};
    return 0;
}

/* As the loop tells it: all turns are counted here. */
static void turn(double now, double msec) {
    if (msec > lag.recent[0])
        mp_lag_note_longest(&lag, now, msec);
    mp_lag_note(&lag, now, msec);
}

static void check(double now, double longest, double recent) {
    mp_lag_turn_over(&lag, now);
    assert_true(mp_lag_longest(&lag) == longest);
    assert_true(mp_lag_recent(&lag) == recent);
}

TEST(keeps_the_longest_turn_for_a_minute_and_the_recent_one_for_two_seconds) {
    turn(START, 300);
    check(START + 1999, 300, 300);
    check(START + 2001, 300, 300);
    check(START + 4002, 300, 0);
    check(START + 59999, 300, 0);
    check(START + 60001, 300, 0);
    check(START + 120002, 0, 0);
}

TEST(shows_a_turn_that_is_shorter_than_an_earlier_one) {
    turn(START, 300);
    turn(START + 5000, 80);
    turn(START + 5500, 90);
    check(START + 6000, 300, 90);
}

TEST(never_says_more_than_the_longest_turn_took) {
    turn(START, 187);
    assert_true(mp_lag_quantile(&lag, 0.99) == 187);
    for (int i = 0; i < 200; i++)
        turn(START, 3);
    assert_true(mp_lag_quantile(&lag, 0.99) == 4.096);
    assert_true(mp_lag_quantile(&lag, 1) == 187);
}

TEST(begins_anew_when_the_clock_was_put_back) {
    turn(START, 300);
    turn(START - 1e6, 7);
    check(START - 1e6, 300, 300);
    check(START - 1e6 + 4000, 300, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keeps_the_longest_turn_for_a_minute_and_the_recent_one_for_two_seconds,
                               set_up),
        cmocka_unit_test_setup(shows_a_turn_that_is_shorter_than_an_earlier_one, set_up),
        cmocka_unit_test_setup(never_says_more_than_the_longest_turn_took, set_up),
        cmocka_unit_test_setup(begins_anew_when_the_clock_was_put_back, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
