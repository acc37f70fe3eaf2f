/*
 * Read buffers: the search for a line, which continues where the last one ended.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "below.h"
#include "data/buffer.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

/* The result that mp_buffer_line should give, found by searching everything. */
static size_t first_line(const mp_buffer *buffer) {
    const char *start = buffer->data + buffer->start;
    const char *newline = memchr(start, '\n', mp_buffer_size(buffer));
    return newline ? (size_t)(newline - start) + 1 : 0;
}

TEST(looks_at_no_byte_twice_while_it_stays_in_its_place) {
    mp_buffer *buffer = NULL;
    assert_int_equal(mp_buffer_append(&buffer, "xxxx", 4), 0);
    assert_int_equal(mp_buffer_line(buffer), 0);
    buffer->data[buffer->start] = '\n'; /* changed without its knowledge */
    assert_int_equal(mp_buffer_append(&buffer, "x", 1), 0);
    assert_int_equal(mp_buffer_line(buffer), 0);
    assert_int_equal(mp_buffer_append(&buffer, "x\nx", 3), 0);
    assert_int_equal(mp_buffer_line(buffer), 7);
    free(buffer);
}

TEST(finds_a_newline_that_is_put_back_in_front) {
    mp_buffer *buffer = NULL;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(mp_buffer_unget(&buffer, 'x'), 0);
        assert_int_equal(mp_buffer_line(buffer), 0);
    }
    assert_int_equal(mp_buffer_unget(&buffer, '\n'), 0);
    assert_int_equal(mp_buffer_line(buffer), 1);
    free(buffer);
}

TEST(finds_the_line_that_a_transaction_had_read) {
    mp_buffer *buffer = NULL;
    assert_int_equal(mp_buffer_append(&buffer, "line\nrest", 9), 0);
    buffer->mark = buffer->start;
    assert_int_equal(mp_buffer_line(buffer), 5);
    buffer->start += 5;
    assert_int_equal(mp_buffer_line(buffer), 0);
    mp_buffer_rewind(buffer);
    assert_int_equal(mp_buffer_line(buffer), 5);
    free(buffer);
}

TEST(finds_what_a_search_of_all_finds_whatever_is_done) {
    mp_buffer *buffer = NULL;
    char data[64];
    for (int i = 0; i < 20000; i++) {
        size_t size = below(sizeof data);
        memset(data, 'x', sizeof data);
        data[below(sizeof data)] = below(2) ? '\n' : 'x';
        if (!buffer || below(3)) {
            assert_int_equal(mp_buffer_append(&buffer, data, size), 0);
        } else if (below(4) == 0 && buffer->mark == MP_BUFFER_NO_MARK) {
            assert_int_equal(mp_buffer_unget(&buffer, data[0]), 0);
        } else if (below(4) == 0) {
            mp_buffer_rewind(buffer);
            buffer->mark = below(2) ? buffer->start : MP_BUFFER_NO_MARK;
        } else if (below(50) == 0) {
            mp_buffer *copy = mp_buffer_clone(buffer);
            assert_non_null(copy);
            free(buffer);
            buffer = copy;
        } else {
            size = mp_buffer_size(buffer);
            buffer->start += size ? below(size + 1) : 0;
        }
        if (below(2))
            assert_int_equal(mp_buffer_line(buffer), first_line(buffer));
    }
    free(buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_at_no_byte_twice_while_it_stays_in_its_place),
        cmocka_unit_test(finds_a_newline_that_is_put_back_in_front),
        cmocka_unit_test(finds_the_line_that_a_transaction_had_read),
        cmocka_unit_test(finds_what_a_search_of_all_finds_whatever_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
