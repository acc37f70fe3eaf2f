/*
 * Counts of connections by address: compared with a plain list after the same operations, and with failing
 * allocations (the linker's --wrap).
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "below.h"
#include "data/address_counts.h"
#include "failing_allocation.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define ADDRESSES 300

static const uint64_t seed[2] = {1, 2};

static mp_address address(const char *text) {
    mp_address result;
    assert_int_equal(mp_address_parse(&result, text, strlen(text)), 0);
    return result;
}

TEST(an_ipv6_address_counts_by_its_first_64_bits) {
    mp_address_counts *counts = mp_address_counts_new(seed);
    mp_address one = address("2001:db8:1:2::1"), beside = address("2001:db8:1:2:ffff::2"),
               other = address("2001:db8:1:3::1");
    assert_non_null(counts);
    assert_int_equal(mp_address_counts_add(counts, &one), 0);
    assert_int_equal(mp_address_counts_add(counts, &beside), 0);
    assert_int_equal(mp_address_counts_of(counts, &one).connections, 2);
    assert_int_equal(mp_address_counts_of(counts, &other).connections, 0);
    mp_address_counts_free(counts);
}

TEST(a_mapped_address_is_its_ipv4_address) {
    mp_address_counts *counts = mp_address_counts_new(seed);
    mp_address mapped = address("::ffff:10.0.0.1"), plain = address("10.0.0.1"), other = address("10.0.0.2"),
               null;
    mp_address_set_null(&null);
    assert_int_equal(mp_address_counts_add(counts, &mapped), 0);
    assert_int_equal(mp_address_counts_of(counts, &plain).connections, 1);
    assert_int_equal(mp_address_counts_of(counts, &other).connections, 0);
    assert_int_equal(mp_address_counts_add(counts, &null), 0);
    assert_int_equal(mp_address_counts_of(counts, &null).connections, 0);
    assert_int_equal(mp_address_counts_size(counts), 1);
    mp_address_counts_free(counts);
}

TEST(handshakes_end_with_their_connections) {
    mp_address_counts *counts = mp_address_counts_new(seed);
    mp_address one = address("10.0.0.1");
    mp_address_counts_shake(counts, &one, 1); /* it has no connection */
    assert_int_equal(mp_address_counts_of(counts, &one).handshakes, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mp_address_counts_add(counts, &one), 0);
    mp_address_counts_shake(counts, &one, 1);
    assert_int_equal(mp_address_counts_of(counts, &one).handshakes, 1);
    mp_address_counts_shake(counts, &one, -1);
    mp_address_counts_shake(counts, &one, -1);
    assert_int_equal(mp_address_counts_of(counts, &one).handshakes, 0);
    for (int i = 0; i < 3; i++)
        mp_address_counts_remove(counts, &one);
    assert_int_equal(mp_address_counts_size(counts), 0);
    mp_address_counts_free(counts);
}

/* The same as by a list; the table grows, and gaps close behind what is removed. */
TEST(many_addresses_come_and_go) {
    static uint32_t model[ADDRESSES];
    static mp_address addresses[ADDRESSES];
    mp_address_counts *counts = mp_address_counts_new(seed);
    size_t used = 0;
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        char text[40];
        snprintf(text, sizeof text, i % 2 ? "10.0.%u.%u" : "2001:db8:%u:%u::1", i / 100, i % 100);
        addresses[i] = address(text);
    }
    for (int i = 0; i < 100000; i++) {
        size_t which = below(ADDRESSES);
        /* Mostly more at first, then mostly less. */
        if (below(4) < (i % 20000 < 10000 ? 3 : 1)) {
            assert_int_equal(mp_address_counts_add(counts, &addresses[which]), 0);
            used += model[which]++ == 0;
        } else {
            mp_address_counts_remove(counts, &addresses[which]);
            if (model[which] > 0)
                used -= --model[which] == 0;
        }
        assert_int_equal(mp_address_counts_size(counts), used);
        assert_int_equal(mp_address_counts_of(counts, &addresses[which]).connections, model[which]);
    }
    for (int i = 0; i < ADDRESSES; i++)
        assert_int_equal(mp_address_counts_of(counts, &addresses[i]).connections, model[i]);
    mp_address_counts_free(counts);
}

/* Fails allocations from number `from` on; 0: none. */
static void fail_from(unsigned from) {
    host_failure = (failure){from > 0, 0, from, UINT_MAX};
}

TEST(without_memory_nothing_changes) {
    for (unsigned n = 1; n <= 2; n++) {
        fail_from(n);
        assert_null(mp_address_counts_new(seed));
    }
    fail_from(0);
    mp_address_counts *counts = mp_address_counts_new(seed);
    mp_address next;
    int result = 0;
    fail_from(1);
    for (uint32_t i = 0; result == 0; i++) {
        mp_address_set_ipv4(&next, i);
        result = mp_address_counts_add(counts, &next);
    }
    fail_from(0);
    assert_int_equal(result, -ENOMEM);
    size_t size = mp_address_counts_size(counts);
    assert_true(size > 0);
    assert_int_equal(mp_address_counts_of(counts, &next).connections, 0);
    for (uint32_t i = 0; i < size; i++) {
        mp_address_set_ipv4(&next, i);
        assert_int_equal(mp_address_counts_of(counts, &next).connections, 1);
    }
    mp_address_counts_free(counts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv6_address_counts_by_its_first_64_bits),
        cmocka_unit_test(a_mapped_address_is_its_ipv4_address),
        cmocka_unit_test(handshakes_end_with_their_connections),
        cmocka_unit_test(many_addresses_come_and_go),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
