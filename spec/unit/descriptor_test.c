/*
 * The descriptors that a network owns, and waiting for a free one.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "failing_allocation.h"
#include "net/descriptor.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

typedef struct waiting {
    mp_starving starving;
    int freed;
    struct waiting *ends; /* stops the wait of this one */
    bool again;           /* waits again at once */
} waiting;

static const mp_upcalls none;
static const mp_network_upcalls no_network;
static mp_network *network;
static waiting first, second;

static void on_freed(mp_starving *starving) {
    waiting *one = MP_CONTAINER(starving, waiting, starving);
    one->freed++;
    assert_null(starving->link.next);
    assert_in_range(one->freed, 0, 10);
    if (one->ends)
        mp_descriptor_stop_awaiting(&one->ends->starving);
    if (one->again)
        mp_descriptor_await(network, &one->starving);
}

static int set_up(void **state) {
    (void)state;
    first = second = (waiting){.starving.freed = on_freed};
    return mp_network_new(&none, &no_network, NULL, &network);
}

static int tear_down(void **state) {
    (void)state;
    mp_descriptor_stop_awaiting(&first.starving);
    mp_descriptor_stop_awaiting(&second.starving);
    assert_true(mp_ring_is_empty(&network->starving));
    mp_network_free(network);
    return 0;
}

static int open_one(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    mp_descriptor_own(network, fd);
    return fd;
}

TEST(knows_what_is_its_own) {
    int fd = open_one();
    assert_true(mp_descriptor_is_owned(network, fd));
    assert_false(mp_descriptor_is_owned(network, fd + 1));
    assert_false(mp_descriptor_is_owned(network, 1 << 20));
    mp_descriptor_close(network, fd);
    assert_false(mp_descriptor_is_owned(network, fd));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    mp_descriptor_own(network, 100000);
    for (int high = 99000; high < 101000; high++)
        assert_int_equal(mp_descriptor_is_owned(network, high), high == 100000);
}

TEST(closes_what_it_had_no_memory_to_note) {
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    int fd = open_one();
    host_failure.armed = false;
    assert_false(mp_descriptor_is_owned(network, fd));
    mp_descriptor_close(network, fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

TEST(tells_each_once_in_their_order) {
    mp_descriptor_await(network, &first.starving);
    mp_descriptor_await(network, &second.starving);
    mp_descriptor_await(network, &first.starving);
    mp_descriptor_close(network, open_one());
    assert_int_equal(first.freed, 1);
    assert_int_equal(second.freed, 1);
    mp_descriptor_close(network, open_one());
    assert_int_equal(first.freed + second.freed, 2);
}

TEST(tells_nobody_who_waits_no_longer) {
    mp_descriptor_stop_awaiting(&first.starving);
    mp_descriptor_await(network, &first.starving);
    mp_descriptor_stop_awaiting(&first.starving);
    mp_descriptor_stop_awaiting(&first.starving);
    first.ends = &second;
    mp_descriptor_freed(network);
    assert_int_equal(first.freed, 0);
    mp_descriptor_await(network, &first.starving);
    mp_descriptor_await(network, &second.starving);
    mp_descriptor_freed(network);
    assert_int_equal(first.freed, 1);
    assert_int_equal(second.freed, 0);
}

/* Another one may already have taken the descriptor. A waiter that waited again was called at once, for
   ever. */
TEST(tells_who_waits_again_the_next_time) {
    first.again = true;
    mp_descriptor_await(network, &first.starving);
    mp_descriptor_await(network, &second.starving);
    mp_descriptor_freed(network);
    assert_int_equal(first.freed, 1);
    assert_int_equal(second.freed, 1);
    mp_descriptor_freed(network);
    assert_int_equal(first.freed, 2);
    assert_int_equal(second.freed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ROW(knows_what_is_its_own),
        ROW(closes_what_it_had_no_memory_to_note),
        ROW(tells_each_once_in_their_order),
        ROW(tells_nobody_who_waits_no_longer),
        ROW(tells_who_waits_again_the_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
