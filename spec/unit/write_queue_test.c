/*
 * Write queues and the pool of their chunks: compared with a plain string after the same operations, and with
 * failing allocations (the linker's --wrap).
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "data/write_queue.h"
#include "failing_allocation.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define MOST 200000

static mp_chunk_pool pool;
static mp_write_queue queue;
static int unpinned[64], unpins;
static char model[2 * MOST], bytes[MOST];
static size_t model_size;

static void unpin(void *owner, int token) {
    assert_ptr_equal(owner, &queue);
    unpinned[token]++;
    unpins++;
}

static int set_up(void **state) {
    (void)state;
    memset(unpinned, 0, sizeof unpinned);
    unpins = 0;
    model_size = 0;
    queue = (mp_write_queue){0};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761u >> 11);
    mp_chunk_pool_init(&pool, unpin, &queue);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mp_write_queue_clear(&queue, &pool);
    assert_null(queue.tail);
    assert_int_equal(mp_chunk_pool_used(&pool), 0); /* whatever the test did */
    mp_chunk_pool_trim(&pool);
    assert_int_equal(pool.bytes, 0);
    return 0;
}

static void append(size_t at, size_t size, int token) {
    assert_int_equal(mp_write_queue_append(&queue, &pool, bytes + at, size, token), 0);
    memcpy(model + model_size, bytes + at, size);
    model_size += size;
}

static void consume(size_t size) {
    mp_write_queue_consume(&queue, &pool, size);
    model_size -= size;
    memmove(model, model + size, model_size);
}

static void cut(size_t size) {
    mp_write_queue_cut(&queue, &pool, size);
    model_size = size < model_size ? size : model_size;
}

/* Checks that it holds the expected bytes. */
static void compare(void) {
    static struct iovec vectors[4096];
    size_t at = 0;
    int count = mp_write_queue_vectors(&queue, vectors, 4096);
    assert_int_equal(queue.bytes, model_size);
    for (int i = 0; i < count; i++) {
        assert_true(vectors[i].iov_len > 0 && at + vectors[i].iov_len <= model_size);
        assert_memory_equal(vectors[i].iov_base, model + at, vectors[i].iov_len);
        at += vectors[i].iov_len;
    }
    assert_int_equal(at, model_size);
    assert_int_equal(queue.tail == NULL, model_size == 0);
}

TEST(cuts_within_the_first_chunk) {
    append(0, 300, MP_COPY);
    append(300, 20000, MP_COPY);
    consume(10);
    cut(100);
    compare();
    append(500, 50, MP_COPY); /* continues where it was cut */
    compare();
}

TEST(cuts_between_chunks) {
    append(0, 464, MP_COPY);
    append(464, 5000, 0);
    append(9000, 5000, 1);
    cut(464);
    compare();
    assert_int_equal(unpinned[0] + unpinned[1], 2);
    append(1, 1, MP_COPY);
    compare();
}

TEST(cuts_a_reference_and_keeps_it) {
    append(0, 5000, 0);
    append(9000, 5000, 1);
    cut(1);
    compare();
    assert_int_equal(unpinned[0], 0);
    assert_int_equal(unpinned[1], 1);
    append(7, 3, MP_COPY); /* after it, not into it */
    compare();
    consume(1);
    assert_int_equal(unpinned[0], 1);
    compare();
}

TEST(knows_the_memory_that_it_uses) {
    append(0, 100, MP_COPY);
    size_t small = mp_chunk_pool_used(&pool);
    assert_in_range(small, 100, 1000);
    consume(100); /* the chunk is spare now */
    assert_int_equal(mp_chunk_pool_used(&pool), 0);
    append(0, 100000, 0);
    assert_in_range(mp_chunk_pool_used(&pool), 100000, 101000);
    append(0, 50000, MP_COPY);
    assert_in_range(mp_chunk_pool_used(&pool), 150000, 152000);
    cut(60000);
    assert_in_range(mp_chunk_pool_used(&pool), 60000, 61000);
    consume(59999); /* a string that is sent in part is pinned as a whole */
    assert_in_range(mp_chunk_pool_used(&pool), 60000, 61000);
}

TEST(cuts_what_is_lent) {
    append(0, 5000, MP_LEND);
    append(5000, 100, MP_COPY);
    cut(10);
    assert_int_equal(mp_write_queue_own(&queue, &pool), 0);
    memset(bytes, 0, 5000);
    compare();
}

TEST(cuts_nothing_or_all) {
    cut(0);
    compare();
    append(0, 100, 0);
    cut(100);
    cut(5000);
    compare();
    assert_int_equal(unpins, 0);
    cut(0);
    compare();
    assert_int_equal(unpinned[0], 1);
    append(0, 10, MP_COPY);
    compare();
}

/* All operations in any order. */
TEST(agrees_with_a_string) {
    uint32_t random = 1;
    int pinned = 0;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t dice = random >> 28, size = (random >> 8) % ((random >> 4 & 3) == 0 ? 20000 : 600) + 1;
        size_t at = random % (MOST - 20000);
        if (dice < 8 && model_size < MOST) {
            int token = dice == 0 ? pinned++ % 64 : dice == 1 && model_size == 0 ? MP_LEND : MP_COPY;
            append(at, size, token);
        } else if (dice < 13) {
            consume(size < model_size ? size : model_size);
        } else if (dice < 15) {
            cut(size);
        } else {
            assert_int_equal(mp_write_queue_own(&queue, &pool), 0);
        }
        compare();
    }
    mp_write_queue_clear(&queue, &pool);
    model_size = 0;
    compare();
    assert_int_equal(unpins, pinned);
}

/* --- the pool ------------------------------------------------------------------------------------------- */

/* How many memory requests a call makes. */
static unsigned count_requests(void) {
    unsigned count = host_failure.count;
    host_failure = (failure){.armed = true, .from = UINT_MAX, .to = UINT_MAX};
    return count;
}

TEST(uses_spare_chunks_again) {
    append(0, 100, MP_COPY);
    append(0, 100, 0);
    consume(200);
    count_requests();
    append(0, 400, MP_COPY);
    append(0, 20000, 1);
    consume(20400);
    assert_int_equal(count_requests(), 0);
    append(0, 4000, MP_COPY); /* a medium one counts separately */
    consume(4000);
    assert_int_equal(count_requests(), 1);
    append(0, 4000, MP_COPY);
    assert_int_equal(count_requests(), 0);
    host_failure.armed = false;
    assert_int_equal(pool.counts[0], 2);
    assert_int_equal(pool.counts[1], 0);
}

TEST(keeps_no_more_spare_chunks_than_it_may) {
    mp_write_queue others[400] = {0};
    for (int i = 0; i < 400; i++)
        assert_int_equal(mp_write_queue_append(&others[i], &pool, bytes, i % 2 ? 100 : 4000, MP_COPY), 0);
    for (int i = 0; i < 400; i++)
        mp_write_queue_clear(&others[i], &pool);
    assert_int_equal(pool.counts[0], 200);
    assert_int_equal(pool.counts[1], 64);
    for (int i = 0; i < 400; i++)
        assert_int_equal(mp_write_queue_append(&others[i], &pool, bytes, 100, MP_COPY), 0);
    assert_int_equal(pool.counts[0], 0);
    for (int i = 0; i < 400; i++)
        mp_write_queue_clear(&others[i], &pool);
    assert_int_equal(pool.counts[0], 256);
    mp_chunk_pool_trim(&pool);
    assert_int_equal(pool.counts[0] + pool.counts[1], 0);
    append(0, 10, MP_COPY);
    compare();
}

TEST(changes_nothing_without_memory) {
    append(0, 100, MP_LEND);
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    assert_int_equal(mp_write_queue_own(&queue, &pool), -ENOMEM);
    assert_int_equal(mp_write_queue_append(&queue, &pool, bytes, 10, MP_COPY), -ENOMEM);
    assert_int_equal(mp_write_queue_append(&queue, &pool, bytes, 10, 0), -ENOMEM);
    host_failure.armed = false;
    compare();
    assert_int_equal(unpins, 0);
    /* A part would fit into the existing chunk. */
    assert_int_equal(mp_write_queue_own(&queue, &pool), 0);
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    assert_int_equal(mp_write_queue_append(&queue, &pool, bytes, 30000, MP_COPY), -ENOMEM);
    host_failure.armed = false;
    compare();
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ROW(cuts_within_the_first_chunk),
        ROW(cuts_between_chunks),
        ROW(cuts_a_reference_and_keeps_it),
        ROW(knows_the_memory_that_it_uses),
        ROW(cuts_what_is_lent),
        ROW(cuts_nothing_or_all),
        ROW(agrees_with_a_string),
        ROW(uses_spare_chunks_again),
        ROW(keeps_no_more_spare_chunks_than_it_may),
        ROW(changes_nothing_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
