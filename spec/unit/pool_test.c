/*
 * The pool of the program: blocks have the requested size, keep their contents and don't overlap. When the
 * addresses are used up, malloc serves the rest. Returned blocks serve other sizes, and their memory is
 * returned on demand. Lua runs on the pool.
 * #thorough: it computes for long
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lualib.h>
#include <string.h>

#include "memory/input.h"
#include "memory/pool.h"
#include "resident.h"

#define COUNT 20000 /* more than the pool has room for */

typedef struct block {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
} block;

static block blocks[COUNT];
static uint32_t seed = 7;
static lua_Alloc allocate; /* the pool's, as Lua gets it */

static uint32_t dice(uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

/* Mostly small sizes, some of each class, and some for malloc. */
static size_t some_size(void) {
    uint32_t kind = dice(10);
    return 1 + (kind < 6 ? dice(128) : kind < 9 ? dice(1700) : dice(17000));
}

static void check(const unsigned char *bytes, size_t size, unsigned char mark) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], (unsigned char)(mark + i));
}

/* Makes, resizes or frees a block. */
static void change(block *b) {
    size_t size = b->bytes && dice(3) == 0 ? 0 : some_size();
    unsigned char *bytes = allocate(NULL, b->bytes, b->bytes ? b->size : 5, size);
    if (!bytes) {
        assert_int_equal(size, 0);
        b->bytes = NULL;
        return;
    }
    assert_int_equal((uintptr_t)bytes % 16, 0);
    if (b->bytes)
        check(bytes, size < b->size ? size : b->size, b->mark);
    else
        b->mark = (unsigned char)dice(256);
    b->bytes = bytes;
    b->size = size;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(b->mark + i);
}

static void free_all(void) {
    for (int i = 0; i < COUNT; i++) {
        if (blocks[i].bytes)
            (void)allocate(NULL, blocks[i].bytes, blocks[i].size, 0);
        blocks[i].bytes = NULL;
    }
}

static void keeps_contents(void **state) {
    (void)state;
    for (int i = 0; i < 400000; i++) {
        block *b = &blocks[dice(COUNT)];
        if (b->bytes)
            check(b->bytes, b->size, b->mark);
        change(b);
    }
    for (int i = 0; i < COUNT; i++)
        if (blocks[i].bytes)
            check(blocks[i].bytes, blocks[i].size, blocks[i].mark);
    free_all();
}

/* Fills the pool with blocks of one size; returns how many are directly after the previous one. */
static int fill(size_t size) {
    int beside = 0;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = (block){.bytes = allocate(NULL, NULL, 0, size), .size = size};
        assert_non_null(blocks[i].bytes);
        beside += i > 0 && (size_t)(blocks[i].bytes - blocks[i - 1].bytes) == size;
    }
    free_all();
    return beside;
}

/* malloc never places blocks directly side by side, because it needs a header. */
static void serves_other_sizes_with_what_was_given_back(void **state) {
    int first = fill(512);
    (void)state;
    assert_in_range(first, POOL_TEST / 512 * 9 / 10, POOL_TEST / 512);
    (void)fill(1024);
    (void)fill(2048);
    assert_in_range(fill(512), first * 8 / 10, first);
}

static int count_resident(const void *const *pages, int count) {
    int n = 0;
    for (int i = 0; i < count; i++)
        n += is_resident(pages[i]);
    return n;
}

static void gives_memory_back(void **state) {
    enum { SOME = 1000 };
    const void *pages[SOME];
    (void)state;
    for (int i = 0; i < SOME; i++) {
        blocks[i] = (block){.bytes = allocate(NULL, NULL, 0, 4096), .size = 4096};
        memset(blocks[i].bytes, 1, 4096);
        pages[i] = blocks[i].bytes + 2048;
    }
    free_all();
    int spare = count_resident(pages, SOME);
    program_trim_pool();
    assert_in_range(spare, SOME / 4, SOME);
    assert_in_range(count_resident(pages, SOME), 0,
                    SOME / 10); /* one slab stays, and the first pages of the others */
}

static void runs_lua(void **state) {
    static const char script[] =
        "local t = {} for round = 1, 5 do for i = 1, 30000 do t[i % 7000] = {i, tostring(i), "
        "('x'):rep(i % 3000)} end collectgarbage() end for i = 1, 6999 do local v = t[i] "
        "assert(v[2] == tostring(v[1]) and #v[3] == v[1] % 3000) end";
    (void)state;
    lua_State *L = luaL_newstate();
    lua_setallocf(L, allocate, NULL);
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, script), LUA_OK);
    lua_close(L);
}

static int make_pool(void **state) {
    lua_State *L = luaL_newstate();
    lua_Alloc before = lua_getallocf(L, NULL);
    (void)state;
    program_pool_memory(L);
    allocate = lua_getallocf(L, NULL);
    lua_close(L);
    return allocate != before ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_other_sizes_with_what_was_given_back), /* first: blocks are in order */
        cmocka_unit_test(gives_memory_back),
        cmocka_unit_test(keeps_contents),
        cmocka_unit_test(runs_lua),
    };
    return cmocka_run_group_tests(tests, make_pool, NULL);
}
