/*
 * Look-ups of the resolver that end early, begin inside others, are very many, or run out of memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver_fixture.h"

#include <ares.h>

static dns_record records[] = {
    {.name = "both.test", .ttl = 300, .a = "192.0.2.1", .aaaa = "2001:db8::1"},
    {.name = "other.test", .ttl = 300, .a = "192.0.2.2"},
    {.name = "late.test", .mode = DNS_LATE, .ttl = 300, .a = "192.0.2.8"},
    {.name = "large.test", .mode = DNS_TRUNCATED, .ttl = 300, .a = "192.0.2.9"},
    {.ttl = 300, .a = "192.0.2.99"},
};

enum { BOTH, OTHER, LATE, LARGE, ANY };

static int set_up_records(void **state) {
    records[ANY].mode = DNS_ANSWER;
    return set_up(state, records);
}

static void cancels_an_idle_lookup(void **state) {
    outcome one = {0};
    (void)state;
    mp_lookup_cancel(&one.lookup);
    look_up(&one, "both.test");
    mp_lookup_cancel(&one.lookup);
    mp_lookup_cancel(&one.lookup);
    assert_int_equal(one.calls, 1);
    assert_idle();
}

static void cancels_before_anything_was_sent(void **state) {
    static const char *const names[] = {"both.test", "localhost", "a..b"};
    outcome one = {0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        start(&one, names[i]);
        mp_lookup_cancel(&one.lookup);
        assert_idle();
    }
    assert_int_equal(one.calls, 0);
    assert_int_equal(look_up(&one, "both.test"), 0);
}

static void cancels_while_the_server_is_asked(void **state) {
    outcome one = {0};
    (void)state;
    start(&one, "late.test");
    WAIT_FOR(here.server.late_count == 1);
    mp_lookup_cancel(&one.lookup);
    assert_idle();
    dns_server_release(&here.server);
    pass(1);
    assert_int_equal(one.calls, 0);
}

static void answers_one_family_when_the_other_is_cancelled(void **state) {
    outcome four = {0}, six = {0};
    (void)state;
    start_family(&six, "late.test", MP_PROTOCOL_IPV6);
    start_family(&four, "late.test", MP_PROTOCOL_IPV4);
    WAIT_FOR(here.server.late_count == 2);
    mp_lookup_cancel(&six.lookup);
    dns_server_release(&here.server);
    finish(&four);
    assert_string_equal(four.addresses, "192.0.2.8 ");
    assert_int_equal(six.calls, 0);
    assert_idle();
}

static void cancels_when_the_answer_is_there(void **state) {
    outcome one = {0};
    (void)state;
    look_up(&one, "both.test");
    start(&one, "both.test");
    mp_lookup_cancel(&one.lookup);
    assert_idle();
    assert_int_equal(one.calls, 1);
}

static void answers_the_others_when_one_is_cancelled(void **state) {
    outcome some[3] = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        start(&some[i], "late.test");
    WAIT_FOR(here.server.late_count == 1);
    mp_lookup_cancel(&some[1].lookup);
    dns_server_release(&here.server);
    finish(&some[0]);
    WAIT_FOR(some[2].calls == 1);
    assert_int_equal(some[1].calls, 0);
    assert_idle();
}

static void goes_on_with_a_query_that_others_keep_alive(void **state) {
    outcome one = {0}, another = {0};
    (void)state;
    start(&one, "late.test");
    start(&another, "other.test");
    mp_lookup_cancel(&one.lookup);
    start(&one, "late.test");
    finish(&another);
    WAIT_FOR(here.server.late_count == 1);
    dns_server_release(&here.server);
    finish(&one);
    assert_int_equal(records[LATE].questions, 1);
}

static void cancel_other(outcome *one) {
    mp_lookup_cancel(&one->other->lookup);
    mp_lookup_cancel(&one->lookup);
}

static void cancels_others_of_the_query_from_done(void **state) {
    outcome some[3] = {0};
    (void)state;
    some[0].other = &some[1];
    some[0].then = cancel_other;
    for (int i = 0; i < 3; i++)
        start(&some[i], "both.test");
    finish(&some[2]);
    assert_int_equal(some[0].calls, 1);
    assert_int_equal(some[1].calls, 0);
    assert_idle();
}

static void cancels_others_that_are_still_asked_from_done(void **state) {
    outcome one = {0}, another = {0};
    (void)state;
    one.other = &another;
    one.then = cancel_other;
    start(&another, "late.test");
    look_up(&one, "other.test");
    assert_idle();
    assert_int_equal(another.calls, 0);
}

static void start_other(outcome *one) {
    start(one->other, one->other->name);
}

static void looks_up_again_from_done(void **state) {
    static const char *const names[] = {"both.test", "other.test", "late.test", "localhost", "a..b"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        outcome another = {.name = names[i]}, one = {.then = start_other, .other = &another};
        look_up(&one, "both.test");
        if (strcmp(names[i], "late.test") == 0) {
            WAIT_FOR(here.server.late_count == 1);
            dns_server_release(&here.server);
        }
        WAIT_FOR(another.calls == 1);
        assert_int_equal(another.status, i < 4 ? 0 : -ENOENT);
        assert_idle();
    }
}

static void free_one(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    assert_int_equal(status, 0);
    assert_non_null(addresses);
    assert_int_equal(count, 1);
    free(lookup);
    here.changed++; /* counts the calls here, for lack of a look-up */
}

static void forgets_the_lookup_before_done_is_called(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        mp_lookup *lookup = calloc(1, sizeof *lookup);
        assert_int_equal(mp_resolver_lookup(here.resolver, lookup, "other.test", MP_PROTOCOL_IPV4, free_one),
                         0);
    }
    WAIT_FOR(here.changed == 2);
    assert_idle();
}

static void run_loop(outcome *one) {
    WAIT_FOR(one->other->calls > 0);
}

static void answers_others_while_done_runs_the_loop(void **state) {
    outcome some[3] = {0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        some[i].then = i < 2 ? run_loop : NULL;
        some[i].other = &some[i + (i < 2)];
        start(&some[i], "both.test");
    }
    finish(&some[0]);
    assert_int_equal(some[2].calls, 1);
    assert_idle();
}

static void frees_lookups_in_every_state(void **state) {
    outcome some[4] = {0};
    (void)state;
    look_up(&some[0], "both.test");
    start(&some[0], "both.test");
    start(&some[1], "late.test");
    start(&some[2], "late.test");
    start(&some[3], "large.test");
    WAIT_FOR(here.server.late_count == 1 && here.server.connections > 0);
    mp_resolver_free(here.resolver);
    for (int i = 0; i < 4; i++)
        mp_lookup_cancel(&some[i].lookup);
    assert_int_equal(some[1].calls + some[2].calls, 0);
    assert_int_equal(mp_resolver_new(here.loop, &here.resolver), 0);
    assert_idle();
}

static void reads_the_configuration_again_when_it_changed(void **state) {
    outcome one = {0};
    (void)state;
    if (access("/etc/resolv.conf", R_OK) != 0)
        skip();
    look_up(&one, "both.test");
    look_up(&one, "both.test");
    assert_int_equal(records[BOTH].questions, 1);
    here.changed++;
    look_up(&one, "both.test");
    assert_int_equal(records[BOTH].questions, 2);
    look_up(&one, "both.test");
    assert_int_equal(records[BOTH].questions, 2);
    start(&one, "late.test");
    here.changed++;
    look_up(&(outcome){0}, "both.test"); /* fails while servers are being asked */
    assert_int_equal(records[BOTH].questions, 2);
    mp_lookup_cancel(&one.lookup);
}

static void refuses_malformed_servers(void **state) {
    static const char *const lists[] = {"nonsense", "127.0.0.1:x", "127.0.0.1,,127.0.0.1", "300.0.0.1", ","};
    outcome one = {0};
    (void)state;
    look_up(&one, "both.test");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        assert_int_equal(mp_resolver_set_servers(here.resolver, lists[i]), -EINVAL);
    start(&one, "other.test");
    assert_int_equal(mp_resolver_set_servers(here.resolver, "127.0.0.1"), -EBUSY);
    finish(&one);
    assert_int_equal(one.status, 0);
    look_up(&one, "both.test");
    assert_int_equal(records[BOTH].questions, 1);
    assert_int_equal(mp_resolver_set_servers(here.resolver, NULL), 0);
    assert_int_equal(mp_resolver_set_servers(here.resolver, "[::1]:53,192.0.2.1,192.0.2.2:5353"), 0);
    assert_int_equal(mp_resolver_set_servers(here.resolver, here.server.address), 0);
    look_up(&one, "both.test");
    assert_int_equal(records[BOTH].questions, 2);
}

static void asks_another_server_when_the_first_is_silent(void **state) {
    char servers[80];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    outcome one = {0};
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
    getsockname(fd, (struct sockaddr *)&name, &length);
    snprintf(servers, sizeof servers, "127.0.0.1:%d,%s", ntohs(name.sin_port), here.server.address);
    assert_int_equal(mp_resolver_set_servers(here.resolver, servers), 0);
    start(&one, "both.test");
    pass(1); /* two servers share the time of one */
    assert_int_equal(records[BOTH].questions, 1);
    WAIT_FOR(one.calls == 1);
    assert_int_equal(one.status, 0);
    assert_idle();
    close(fd);
}

enum { MANY = 2200 };

static const char *number(int i) {
    static char name[32];
    snprintf(name, sizeof name, "host%d.test", i);
    return name;
}

static void keeps_a_limited_number_of_answers(void **state) {
    static outcome some[MANY];
    (void)state;
    memset(some, 0, sizeof some);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(look_up(&some[i], number(i)), 0);
    assert_int_equal(records[ANY].questions, MANY);
    for (int i = MANY - 2000; i < MANY; i++)
        look_up(&some[i], number(i));
    assert_int_equal(records[ANY].questions, MANY);
    look_up(&some[0], number(0));
    assert_int_equal(records[ANY].questions, MANY + 1);
    assert_idle();
}

static void asks_a_limited_number_of_names_at_a_time(void **state) {
    static outcome some[MANY];
    int answered = 0, late = 0;
    (void)state;
    memset(some, 0, sizeof some);
    records[ANY].mode = DNS_SILENT;
    for (int i = 0; i < MANY; i++) {
        start(&some[i], number(i));
        dns_server_poll(&here.server);
    }
    assert_int_equal(mp_resolver_pending(here.resolver), MANY);
    assert_in_range(records[ANY].questions, 2000, MANY - 1);
    mp_lookup_cancel(&some[MANY - 1].lookup);
    records[ANY].mode = DNS_ANSWER;
    pass(9.5);
    WAIT_FOR(mp_resolver_pending(here.resolver) == 0);
    for (int i = 0; i < MANY - 1; i++) {
        assert_int_equal(some[i].calls, 1);
        answered += some[i].status == 0;
        late += some[i].status == -ETIMEDOUT;
    }
    assert_int_equal(answered + late, MANY - 1);
    assert_int_equal(some[MANY - 2].status, 0);
    assert_int_equal(some[MANY - 1].calls, 0);
    assert_idle();
}

static long allocations_left;

static bool may_allocate(void) {
    return allocations_left < 0 || allocations_left-- > 0;
}

static void *allocate(size_t size) {
    return may_allocate() ? malloc(size) : NULL;
}

static void *reallocate(void *old, size_t size) {
    return may_allocate() ? realloc(old, size) : NULL;
}

static void survives_each_failing_allocation_of_the_library(void **state) {
    static const char *const names[] = {"both.test", "large.test", "missing"};
    (void)state;
    mp_resolver_free(here.resolver); /* also frees the library, which reads its allocator only once */
    assert_int_equal(ares_library_init_mem(ARES_LIB_INIT_ALL, allocate, free, reallocate), ARES_SUCCESS);
    for (size_t i = 0; i < 3; i++) {
        bool failed = true;
        for (long n = 0; failed; n++) {
            outcome one = {0}, two = {0};
            allocations_left = -1;
            assert_int_equal(mp_resolver_new(here.loop, &here.resolver), 0);
            assert_int_equal(mp_resolver_set_servers(here.resolver, here.server.address), 0);
            allocations_left = n;
            int first = mp_resolver_lookup(here.resolver, &one.lookup, names[i], MP_PROTOCOL_IPV6, on_done);
            int second = mp_resolver_lookup(here.resolver, &two.lookup, names[i], MP_PROTOCOL_IPV4, on_done);
            pass(11);
            assert_int_equal(one.calls, first == 0);
            assert_int_equal(two.calls, second == 0);
            failed = allocations_left < 0; /* true after one was refused */
            allocations_left = -1;
            assert_idle();
            assert_int_equal(look_up(&one, "other.test"), 0);
            mp_resolver_free(here.resolver);
        }
    }
    ares_library_cleanup();
    assert_int_equal(mp_resolver_new(here.loop, &here.resolver), 0);
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_records, tear_down)
    TEST(cancels_an_idle_lookup),
    TEST(cancels_before_anything_was_sent),
    TEST(cancels_while_the_server_is_asked),
    TEST(answers_one_family_when_the_other_is_cancelled),
    TEST(cancels_when_the_answer_is_there),
    TEST(answers_the_others_when_one_is_cancelled),
    TEST(goes_on_with_a_query_that_others_keep_alive),
    TEST(cancels_others_of_the_query_from_done),
    TEST(cancels_others_that_are_still_asked_from_done),
    TEST(looks_up_again_from_done),
    TEST(forgets_the_lookup_before_done_is_called),
    TEST(answers_others_while_done_runs_the_loop),
    TEST(frees_lookups_in_every_state),
    TEST(reads_the_configuration_again_when_it_changed),
    TEST(refuses_malformed_servers),
    TEST(asks_another_server_when_the_first_is_silent),
    TEST(keeps_a_limited_number_of_answers),
    TEST(asks_a_limited_number_of_names_at_a_time),
    TEST(survives_each_failing_allocation_of_the_library),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
