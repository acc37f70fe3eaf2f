/*
 * A keyspace when there is no memory: each allocation of a series of changes fails once. What can't be done
 * is left undone, everything else goes on, and all is freed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "data/keyspace.h"
#include "failing_allocation.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

enum { KEYS = 40 };

static size_t name(char *text, int i) {
    return (size_t)snprintf(text, 16, "key:%d", i);
}

/* -> how many changes failed */
static int change_much(mp_keyspace *space) {
    int failed = 0;
    char key[16], other[16];
    bool is_new;
    for (int i = 0; i < KEYS; i++) {
        size_t size = name(key, i);
        failed += mp_keyspace_set(space, key, size, "value", (size_t)i % 5, i % 2 == 0 ? 0 : 1000) < 0;
        mp_entry *entry = mp_keyspace_container(space, "hash", 4, MP_ENTRY_HASH);
        failed += !entry || mp_keyspace_set_member(space, entry, key, size, "v", 1, &is_new) < 0;
        entry = mp_keyspace_find(space, key, size);
        if (entry && i % 3 == 0)
            failed += mp_keyspace_rename(space, entry, other, name(other, i + 1)) < 0;
        entry = mp_keyspace_find(space, "hash", 4);
        if (entry && i % 7 == 0)
            failed += mp_keyspace_expire_at(space, entry, 2000) < 0;
    }
    mp_keyspace_remove_expired(space, 1500, 1000);
    return failed;
}

static void check(const mp_keyspace *space) {
    for (uint32_t i = 0; i < space->keys.count; i++) {
        const mp_entry *entry = space->keys.entries[i];
        assert_int_equal(entry->place, i);
        assert_ptr_equal(mp_keyspace_find(space, entry->key, entry->key_size), entry);
        assert_true(entry->members ? entry->members->count > 0 : entry->value != NULL);
    }
}

/* -> whether all went well, with request `at` failing */
static bool try_all(unsigned at) {
    static const uint64_t seed[2] = {1, 2};
    mp_keyspace space;
    mp_keyspace_init(&space, seed);
    mp_keyspace_begin_save(&space, 0);
    host_failure = (failure){.armed = true, .from = at, .to = at};
    int failed = change_much(&space);
    mp_keyspace_end_save(&space);
    mp_keyspace_begin_save(&space, 0);
    while (mp_keyspace_save_some(&space, 100000, 3))
        ;
    bool is_saved = !space.saved.failed;
    mp_keyspace_end_save(&space);
    check(&space);
    mp_keyspace_clear(&space);
    bool all = host_failure.count < at;
    host_failure.armed = false;
    assert_true(!all || (failed == 0 && is_saved));
    mp_keyspace_free(&space);
    assert_int_equal(space.bytes, 0);
    return all;
}

TEST(survives_each_allocation_that_fails) {
    unsigned at = 1;
    while (!try_all(at))
        at++;
    assert_true(at > 100);
}

/* -> whether both changes went well, with request `at` failing */
static bool try_to_replace(unsigned at) {
    static const uint64_t seed[2] = {1, 2};
    bool is_new;
    mp_keyspace space;
    mp_keyspace_init(&space, seed);
    mp_entry *hash = mp_keyspace_container(&space, "a", 1, MP_ENTRY_HASH);
    assert_int_equal(mp_keyspace_set_member(&space, hash, "m", 1, "v", 1, &is_new), 0);
    assert_int_equal(mp_keyspace_set(&space, "b", 1, "old", 3, 0), 0);
    assert_int_equal(mp_keyspace_set(&space, "c", 1, "new", 3, 1000), 0);
    host_failure = (failure){.armed = true, .from = at, .to = at};
    bool is_set = mp_keyspace_set(&space, "a", 1, "text", 4, 1000) == 0;
    bool is_renamed = mp_keyspace_rename(&space, mp_keyspace_find(&space, "c", 1), "b", 1) == 0;
    host_failure.armed = false;
    check(&space);
    assert_true(!mp_keyspace_find(&space, "a", 1)->members == is_set);
    assert_memory_equal(mp_keyspace_find(&space, "b", 1)->value, is_renamed ? "new" : "old", 3);
    assert_true(!mp_keyspace_find(&space, "c", 1) == is_renamed);
    assert_int_equal(space.keys.count, is_renamed ? 2 : 3);
    mp_keyspace_free(&space);
    assert_int_equal(space.bytes, 0);
    return is_set && is_renamed;
}

TEST(keeps_what_it_cannot_replace) {
    unsigned at = 1;
    while (!try_to_replace(at))
        at++;
    assert_true(at > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives_each_allocation_that_fails),
                                       cmocka_unit_test(keeps_what_it_cannot_replace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
