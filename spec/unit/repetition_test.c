/*
 * Repeated events beside a level of the log that changes, with a clock that the test advances for the whole
 * process, libev included.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "loop/repetition.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

static double clock_now = 1000;

/* Overrides libc's. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock_id, struct timespec *tp) {
    if (clock_id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock_id, tp);
    tp->tv_sec = (time_t)clock_now;
    tp->tv_nsec = (long)((clock_now - (double)tp->tv_sec) * 1e9);
    return 0;
}

static const mp_upcalls none;
static const mp_phases phases;
static mp_loop own, *loop = &own;
static mp_repetitions *repetitions;
static char logged[8192];
static int ends[2], stderr_before;

static int set_up(void **state) {
    (void)state;
    if (mp_loop_init(loop, &none, &phases, NULL) != 0 || pipe(ends) != 0)
        return -1;
    mp_loop_ref(loop); /* it keeps running */
    stderr_before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    mp_loop_set_log_level(loop, MP_LOG_INFO);
    repetitions = mp_repetitions_new(loop, MP_LOG_ERROR);
    return repetitions ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    mp_repetitions_free(repetitions);
    mp_loop_destroy(loop);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What the log has got: the next call forgets it. */
static const char *log_text(void) {
    mp_log(MP_LOG_DEBUG, MP_LOG_DEBUG, "end");
    ssize_t n = read(ends[0], logged, sizeof logged - 1);
    assert_true(n > 0);
    logged[n] = 0;
    return logged;
}

static void pass_a_second(void) {
    clock_now += 1.5;
    ev_run(loop->ev, EVRUN_NOWAIT);
}

static bool note(const char *text) {
    return mp_repetitions_note(repetitions, 0, text, strlen(text), text);
}

TEST(what_the_level_keeps_out_is_not_known_later) {
    mp_loop_set_log_level(loop, MP_LOG_NONE);
    for (int i = 0; i < 100; i++)
        assert_true(note("boom"));
    mp_loop_set_log_level(loop, MP_LOG_ERROR);
    assert_true(note("boom"));
    assert_false(note("boom"));
    pass_a_second();
    assert_non_null(strstr(log_text(), " error 1 more times within a second: boom\n"));
}

TEST(a_level_that_rises_keeps_the_counts_out) {
    assert_true(note("boom"));
    assert_false(note("boom"));
    mp_loop_set_log_level(loop, MP_LOG_NONE);
    pass_a_second();
    assert_null(strstr(log_text(), "boom"));
}

TEST(a_long_summary_is_cut_between_characters) {
    char text[400] = "xx";
    for (int i = 0; i < 120; i++)
        memcpy(text + 2 + 3 * (size_t)i, "\342\202\254", 4);
    for (int from = 0; from < 3; from++) {
        assert_true(note(text + from));
        assert_false(note(text + from));
    }
    pass_a_second();
    const char *line = log_text();
    assert_non_null(strstr(line, " error 1 more times within a second: xx\342"));
    assert_null(strstr(line, "\\x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_level_keeps_out_is_not_known_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_level_that_rises_keeps_the_counts_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_summary_is_cut_between_characters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
