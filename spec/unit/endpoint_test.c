/*
 * When two endpoints are the same place.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "data/endpoint.h"

static mp_endpoint at(const char *address, uint16_t port) {
    mp_endpoint endpoint = {.port = port};
    assert_int_equal(mp_address_parse(&endpoint.address, address, strlen(address)), 0);
    return endpoint;
}

static void the_same_words_are_the_same_place(void **state) {
    static const char *const texts[] = {"127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1"};
    enum { COUNT = sizeof texts / sizeof *texts };
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < COUNT; k++) {
            mp_endpoint a = at(texts[i], 80), b = at(texts[k], 80);
            assert_int_equal(mp_endpoint_equal(&a, &b), i == k);
        }
        mp_endpoint a = at(texts[i], 80), b = at(texts[i], 81);
        assert_false(mp_endpoint_equal(&a, &b));
    }
}

static void any_is_no_address(void **state) {
    mp_endpoint any = {.port = 80}, null = {.port = 80}, zero = at("0.0.0.0", 80), six = at("::", 80);
    (void)state;
    mp_address_set_any(&any.address);
    mp_address_set_null(&null.address);
    assert_true(mp_endpoint_equal(&any, &any));
    assert_false(mp_endpoint_equal(&any, &null));
    assert_false(mp_endpoint_equal(&any, &zero));
    assert_false(mp_endpoint_equal(&any, &six));
}

static void scopes_are_places(void **state) {
    mp_endpoint a = at("fe80::1", 80), b = a;
    (void)state;
    a.address.scope_id = 1;
    b.address.scope_id = 2;
    assert_false(mp_endpoint_equal(&a, &b));
    b.address.scope_id = 1;
    assert_true(mp_endpoint_equal(&a, &b));
}

static void paths_are_compared_alone(void **state) {
    mp_local_name run_a, again, run_b;
    assert_int_equal(mp_local_name_parse(&run_a, "unix:/run/a", 11), 0);
    assert_int_equal(mp_local_name_set(&again, "/run/a", 6, false), 0);
    assert_int_equal(mp_local_name_parse(&run_b, "unix:/run/b", 11), 0);
    mp_endpoint a = {.local = &run_a}, b = {.local = &again, .port = 9}, c = {.local = &run_b};
    mp_endpoint none = {.port = 0};
    (void)state;
    mp_address_set_null(&none.address);
    assert_true(mp_endpoint_equal(&a, &b));
    assert_false(mp_endpoint_equal(&a, &c));
    assert_false(mp_endpoint_equal(&a, &none));
    assert_false(mp_endpoint_equal(&none, &a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_words_are_the_same_place),
        cmocka_unit_test(any_is_no_address),
        cmocka_unit_test(scopes_are_places),
        cmocka_unit_test(paths_are_compared_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
