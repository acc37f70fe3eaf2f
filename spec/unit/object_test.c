/*
 * Objects and the queue of their signals: order, growth, objects destroyed meanwhile, and a machine without
 * memory (the linker's --wrap).
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "failing_allocation.h"
#include "loop/loop.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

typedef struct thing {
    mp_object object; /* first */
    bool active;
    int released;
} thing;

static mp_loop loop;
static thing a, b;
static intptr_t told[200000];
static int count;
static void (*on_emit)(thing *one, intptr_t argument);

static void emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    assert_true(object->delivering && object->queued > 0);
    (void)signal;
    told[count++] = argument;
    if (on_emit)
        on_emit((thing *)object, argument);
}

static void release(mp_object *object) {
    object->anchor = 0;
    ((thing *)object)->released++;
}

static bool is_active(const mp_object *object) {
    return ((const thing *)object)->active;
}

static void step(mp_object *object, int number) {
    (void)object;
    told[count++] = -number;
}

static const mp_upcalls upcalls = {emit, release};
static const mp_phases phases;
static const mp_behaviour behaviour = {.kind = MP_TIMER, .is_active = is_active, .step = step};

static int set_up(void **state) {
    (void)state;
    count = 0;
    on_emit = NULL;
    a = b = (thing){0};
    if (mp_loop_init(&loop, &upcalls, &phases, NULL) < 0)
        return -1;
    loop.wanted = UINT64_MAX;
    loop.log_level = MP_LOG_NONE;
    mp_object_init(&a.object, &loop, &behaviour);
    mp_object_init(&b.object, &loop, &behaviour);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mp_object_destroy(&a.object);
    mp_object_destroy(&b.object);
    assert_int_equal(loop.objects, 0);
    assert_int_equal(loop.alive, 0);
    mp_loop_destroy(&loop);
    return 0;
}

static void tell(thing *one, intptr_t number) {
    mp_object_emit(&one->object, MP_SIGNAL_TIMEOUT, number);
}

static void deliver(uint32_t events) {
    while (events-- > 0)
        mp_queue_deliver(&loop);
}

static void assert_in_order(intptr_t first) {
    for (int i = 0; i < count; i++)
        assert_int_equal(told[i], first + i);
}

TEST(delivers_signals_and_steps_in_their_order) {
    tell(&a, 1);
    mp_object_defer(&a.object, 7);
    tell(&b, 2);
    mp_object_check(&a.object);
    tell(&a, 3);
    deliver(5);
    static const intptr_t expected[] = {1, -7, 2, 3};
    assert_int_equal(count, 4);
    assert_memory_equal(told, expected, sizeof expected);
    assert_int_equal(a.object.queued + b.object.queued, 0);
}

TEST(grows_with_its_beginning_anywhere) {
    for (int turn = 0; turn < 300; turn++) { /* the beginning of the ring wraps around */
        tell(&a, turn);
        deliver(1);
    }
    count = 0;
    uint32_t before = loop.queue.capacity;
    for (intptr_t i = 0; i < 100000; i++)
        tell(i % 3 ? &a : &b, i);
    assert_true(loop.queue.capacity > before);
    deliver(100000);
    assert_int_equal(count, 100000);
    assert_in_order(0);
    assert_true(mp_loop_is_settled(&loop));
    mp_queue_trim(&loop.queue);
    assert_int_equal(loop.queue.capacity, before);
    tell(&a, 100000);
    deliver(1);
    assert_in_order(0);
}

TEST(keeps_its_size_while_something_waits) {
    for (intptr_t i = 0; i < 1000; i++)
        tell(&a, i);
    uint32_t before = loop.queue.capacity;
    mp_queue_trim(&loop.queue);
    assert_int_equal(loop.queue.capacity, before);
    deliver(1000);
    assert_in_order(0);
}

TEST(forgets_what_waits_for_an_object_that_vanishes) {
    for (intptr_t i = 0; i < 1000; i++)
        tell(i % 2 ? &a : &b, i / 2);
    mp_object_destroy(&a.object);
    assert_int_equal(a.object.queued, 0);
    memset(&a, 0x55, sizeof a); /* nobody reads it any more */
    deliver(1000);
    assert_int_equal(count, 500);
    assert_in_order(0);
    a = (thing){0};
    mp_object_init(&a.object, &loop, &behaviour);
}

static void vanish(thing *one, intptr_t argument) {
    (void)one;
    if (argument == 0)
        mp_object_destroy(&b.object);
}

TEST(forgets_it_within_a_delivery_of_another) {
    on_emit = vanish;
    tell(&a, 0);
    tell(&b, 99);
    tell(&a, 1);
    deliver(3);
    assert_int_equal(count, 2);
    assert_in_order(0);
    mp_object_init(&b.object, &loop, &behaviour);
}

TEST(without_memory_it_takes_what_there_is_room_for) {
    uint32_t capacity = loop.queue.capacity;
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    for (intptr_t i = 0; i < (intptr_t)capacity + 10; i++)
        tell(&a, i);
    host_failure.armed = false;
    assert_int_equal(loop.queue.count, capacity);
    assert_int_equal(a.object.queued, capacity);
    deliver(capacity);
    assert_int_equal(count, capacity);
    assert_in_order(0);
    for (intptr_t i = 0; i < 1000; i++) /* and grows again */
        tell(&a, count + i);
    deliver(1000);
    assert_in_order(0);
}

TEST(is_released_behind_its_last_signal) {
    mp_object_hold(&a.object, 1);
    a.active = true;
    tell(&a, 0);
    tell(&a, 1);
    deliver(1);
    a.active = false;
    assert_int_equal(a.released, 0);
    deliver(1);
    assert_int_equal(a.released, 1);
    assert_int_equal(loop.alive, 0);
    mp_object_hold(&a.object, 1);
    a.object.holds = 1;
    mp_object_check(&a.object);
    deliver(1);
    assert_int_equal(a.released, 1);
    a.object.holds = 0;
    mp_object_check(&a.object);
    deliver(1);
    assert_int_equal(a.released, 2);
}

TEST(tells_what_somebody_wants_or_waits_for) {
    loop.wanted = 0;
    tell(&a, 0);
    deliver(1);
    assert_int_equal(count, 0);
    a.object.awaited = true;
    tell(&a, 0);
    deliver(1);
    assert_int_equal(count, 1);
}

static void look(thing *one, intptr_t argument) {
    assert_int_equal(one->object.muted, argument);
}

TEST(remembers_what_was_emitted_while_blocked) {
    on_emit = look;
    tell(&a, 0);
    a.object.blocked = true;
    tell(&a, 1);
    a.object.blocked = false;
    tell(&a, 0);
    deliver(3);
    assert_int_equal(count, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ROW(delivers_signals_and_steps_in_their_order), ROW(grows_with_its_beginning_anywhere),
        ROW(keeps_its_size_while_something_waits),      ROW(forgets_what_waits_for_an_object_that_vanishes),
        ROW(forgets_it_within_a_delivery_of_another),   ROW(without_memory_it_takes_what_there_is_room_for),
        ROW(is_released_behind_its_last_signal),        ROW(tells_what_somebody_wants_or_waits_for),
        ROW(remembers_what_was_emitted_while_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
