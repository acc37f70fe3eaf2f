/*
 * Idle time-outs, with a clock that the test advances for the whole process, libev included.
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

#include "net/idle.h"

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

static void put_forward(mp_loop *loop, double seconds) {
    clock_now += seconds;
    ev_run(loop->ev, EVRUN_NOWAIT);
}

static const mp_upcalls none;
static const mp_phases phases;
static mp_loop own, *loop = &own;

typedef struct watched {
    mp_idle idle;
    int ends;
    bool stays; /* a byte arrived after all */
} watched;

static void due(mp_idle *idle) {
    watched *one = MP_CONTAINER(idle, watched, idle);
    one->ends++;
    if (one->stays)
        mp_idle_touch(idle);
    else
        mp_idle_unwatch(idle);
}

static int set_up(void **state) {
    (void)state;
    int result = mp_loop_init(loop, &none, &phases, NULL);
    if (result == 0)
        mp_loop_ref(loop); /* it keeps running */
    return result;
}

static int tear_down(void **state) {
    (void)state;
    mp_loop_destroy(loop);
    return 0;
}

TEST(tells_after_the_time_since_the_last_byte) {
    watched one = {0};
    mp_idle_watch(&one.idle, loop, 1000, due);
    for (int i = 0; i < 10; i++) {
        put_forward(loop, 0.9);
        mp_idle_touch(&one.idle);
    }
    assert_int_equal(one.ends, 0);
    put_forward(loop, 0.9);
    assert_int_equal(one.ends, 0);
    put_forward(loop, 0.2);
    put_forward(loop, 5);
    assert_int_equal(one.ends, 1);
}

TEST(goes_on_when_it_was_touched_at_the_end) {
    watched one = {.stays = true};
    mp_idle_watch(&one.idle, loop, 1000, due);
    put_forward(loop, 1.1);
    assert_int_equal(one.ends, 1);
    put_forward(loop, 0.9);
    assert_int_equal(one.ends, 1);
    put_forward(loop, 0.2);
    assert_int_equal(one.ends, 2);
    mp_idle_unwatch(&one.idle);
}

TEST(begins_anew_with_another_time) {
    watched one = {0};
    mp_idle_unwatch(&one.idle);
    mp_idle_watch(&one.idle, loop, 1000, due);
    put_forward(loop, 0.9);
    mp_idle_watch(&one.idle, loop, 500, due);
    put_forward(loop, 0.4);
    assert_int_equal(one.ends, 0);
    put_forward(loop, 0.2);
    assert_int_equal(one.ends, 1);
    mp_idle_watch(&one.idle, loop, 500, due);
    mp_idle_unwatch(&one.idle);
    mp_idle_touch(&one.idle);
    put_forward(loop, 5);
    assert_int_equal(one.ends, 1);
}

/* Once there was a list for each different time-out, and every socket's byte searched all lists. */
TEST(keeps_many_different_times_apart) {
    static watched many[500];
    memset(many, 0, sizeof many);
    for (int i = 0; i < 500; i++)
        mp_idle_watch(&many[(i * 7) % 500].idle, loop, 1000 + (i * 7) % 500, due);
    for (int passed = 1; passed <= 1500; passed++) {
        put_forward(loop, 0.001);
        for (int i = 0; i < 500; i++) {
            if (many[i].ends != 0)
                assert_in_range(passed, 1000 + i, 1500);
            else
                assert_in_range(passed, 0, 1002 + i);
        }
    }
    for (int i = 0; i < 498; i++)
        assert_int_equal(many[i].ends, 1);
    put_forward(loop, 1);
}

/* The turn in which the time is over receives first, so that an available byte counts. */
typedef struct input {
    ev_io watcher;
    watched *one;
} input;

static void on_input(struct ev_loop *ev, ev_io *watcher, int revents) {
    char byte;
    (void)ev, (void)revents;
    assert_int_equal(read(watcher->fd, &byte, 1), 1);
    mp_idle_touch(&MP_CONTAINER(watcher, input, watcher)->one->idle);
}

TEST(sees_what_comes_in_the_turn_in_which_it_is_due) {
    watched one = {0};
    input in = {.one = &one};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    ev_io_init(&in.watcher, on_input, ends[0], EV_READ);
    ev_io_start(loop->ev, &in.watcher);
    mp_idle_watch(&one.idle, loop, 1000, due);
    put_forward(loop, 0.5);
    assert_int_equal(write(ends[1], "!", 1), 1);
    put_forward(loop, 5);
    assert_int_equal(one.ends, 0);
    put_forward(loop, 1.1);
    assert_int_equal(one.ends, 1);
    ev_io_stop(loop->ev, &in.watcher);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ROW(tells_after_the_time_since_the_last_byte),
        ROW(goes_on_when_it_was_touched_at_the_end),
        ROW(begins_anew_with_another_time),
        ROW(keeps_many_different_times_apart),
        ROW(sees_what_comes_in_the_turn_in_which_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
