/*
 * Idle time-outs: the lists of sockets that share one.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/loop.h"
#include "net/tcp_socket_private.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

/* A script that gives each connection a time-out of its own had a list for each that there had ever been. */
TEST(an_empty_list_serves_for_another_time_out) {
    static const mp_upcalls none;
    mp_loop *loop = NULL;
    mp_tcp_socket first, second;
    assert_int_equal(mp_loop_new(&none, NULL, &loop), 0);
    mp_tcp_socket_init(&first, loop);
    mp_tcp_socket_init(&second, loop);

    assert_int_equal(mp_idle_watch(&first, 1000), 0);
    const mp_idle_list *list = loop->idle_lists;
    mp_idle_unwatch(&first);
    assert_int_equal(mp_idle_watch(&first, 2000), 0);
    assert_ptr_equal(loop->idle_lists, list);
    assert_int_equal(mp_idle_watch(&second, 1000), 0);
    assert_ptr_not_equal(loop->idle_lists, list);

    mp_tcp_socket_destroy(&first);
    mp_tcp_socket_destroy(&second);
    mp_loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_empty_list_serves_for_another_time_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
