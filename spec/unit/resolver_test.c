/*
 * The resolver: what it answers, to whom, how often it asks, and that look-ups can be cancelled at any
 * moment.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver_fixture.h"

static dns_record records[] = {
    {.name = "both.test", .ttl = 300, .a = "192.0.2.1", .aaaa = "2001:db8::1"},
    {.name = "other.test", .ttl = 300, .a = "192.0.2.2"},
    {.name = "brief.test", .ttl = 1, .a = "192.0.2.3"},
    {.name = "alias.brief.test", .ttl = 300, .a = "192.0.2.3", .alias_ttl = 1},
    {.name = "zero.test", .ttl = 0, .a = "192.0.2.4"},
    {.name = "negative.test", .ttl = 0x80000001, .a = "192.0.2.4"},
    {.name = "eternal.test", .ttl = 0x7fffffff, .a = "192.0.2.5"},
    {.name = "empty.test"},
    {.name = "missing.test", .mode = DNS_NO_SUCH_NAME},
    {.name = "failing.test", .mode = DNS_FAILURE},
    {.name = "nonsense.test", .mode = DNS_NONSENSE},
    {.name = "silent.test", .mode = DNS_SILENT, .ttl = 300, .a = "192.0.2.6"},
    {.name = "half.test", .mode = DNS_SILENT_ON_AAAA, .ttl = 300, .a = "192.0.2.7", .aaaa = "2001:db8::7"},
    {.name = "late.test", .mode = DNS_LATE, .ttl = 300, .a = "192.0.2.8"},
    {.name = "large.test", .mode = DNS_TRUNCATED, .ttl = 300, .a = "192.0.2.9", .aaaa = "2001:db8::9"},
    {.mode = DNS_NO_SUCH_NAME},
};

static int set_up_records(void **state) {
    return set_up(state, records);
}

static dns_record *record(const char *name) {
    dns_record *found = records;
    while (found->name && strcmp(found->name, name) != 0)
        found++;
    return found;
}

static unsigned questions(const char *name) {
    return record(name)->questions;
}

static unsigned all_questions(void) {
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        sum += records[i].questions + records[i].aaaa_questions;
    return sum;
}

static void gives_the_addresses_of_the_family_and_asks_for_no_other(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up_family(&one, "both.test", MP_PROTOCOL_IPV4), 0);
    assert_string_equal(one.addresses, "192.0.2.1 ");
    assert_int_equal(questions("both.test"), 1);
    assert_int_equal(record("both.test")->aaaa_questions, 0);
    assert_int_equal(look_up_family(&one, "both.test", MP_PROTOCOL_IPV6), 0);
    assert_string_equal(one.addresses, "2001:db8::1 ");
    assert_int_equal(questions("both.test"), 1);
    assert_int_equal(record("both.test")->aaaa_questions, 1);
    assert_idle();
}

static void shares_one_query_among_equal_names(void **state) {
    outcome some[3] = {0};
    (void)state;
    start(&some[0], "late.test");
    start(&some[1], "LATE.test");
    start(&some[2], "Late.Test");
    assert_int_equal(mp_resolver_pending(here.resolver), 3);
    WAIT_FOR(here.server.late_count == 1);
    dns_server_release(&here.server);
    for (int i = 0; i < 3; i++)
        WAIT_FOR(some[i].calls == 1);
    for (int i = 0; i < 3; i++)
        assert_string_equal(some[i].addresses, "192.0.2.8 ");
    assert_int_equal(questions("late.test"), 1);
    assert_idle();
}

static void refuses_a_lookup_that_is_under_way(void **state) {
    outcome one = {0};
    (void)state;
    start(&one, "both.test");
    assert_int_equal(mp_resolver_lookup(here.resolver, &one.lookup, "other.test", MP_PROTOCOL_IPV4, on_done),
                     -EALREADY);
    finish(&one);
    assert_string_equal(one.addresses, "192.0.2.1 ");
}

static void keeps_an_answer_for_the_smallest_time_to_live(void **state) {
    static const char *const names[] = {"brief.test", "alias.brief.test"};
    outcome one = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        look_up(&one, names[i]);
        look_up(&one, names[i]);
        assert_int_equal(one.status, 0);
        assert_int_equal(questions(names[i]), 1);
        pass(1.25);
        look_up(&one, names[i]);
        assert_int_equal(one.status, 0);
        assert_int_equal(questions(names[i]), 2);
    }
    assert_idle();
}

static void keeps_no_answer_longer_than_an_hour(void **state) {
    outcome one = {0};
    (void)state;
    look_up(&one, "eternal.test");
    here.skew += 3590;
    look_up(&one, "eternal.test");
    assert_int_equal(questions("eternal.test"), 1);
    here.skew += 20;
    look_up(&one, "eternal.test");
    assert_int_equal(questions("eternal.test"), 2);
}

static void keeps_no_answer_without_time_to_live(void **state) {
    static const char *const names[] = {"zero.test", "negative.test"};
    outcome one = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look_up(&one, names[i]), 0);
        assert_int_equal(look_up(&one, names[i]), 0);
        assert_int_equal(questions(names[i]), 2);
    }
}

static void says_that_a_host_does_not_exist(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "missing.test."), -ENOENT);
    assert_int_equal(one.count, 0);
    assert_int_equal(look_up(&one, "missing.test."), -ENOENT);
    assert_int_equal(questions("missing.test"), 2);
    assert_int_equal(look_up(&one, "empty.test."), -ENOENT);
    assert_idle();
}

static void says_that_the_server_fails(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "failing.test."), -EAGAIN);
    assert_int_equal(look_up(&one, "nonsense.test."), -EAGAIN);
    assert_idle();
}

static void says_that_no_server_is_there(void **state) {
    outcome one = {0};
    (void)state;
    dns_unwatch(&here.server, &here.server.udp);
    start(&one, "both.test.");
    pass(10);
    assert_int_equal(one.calls, 1);
    assert_true(one.status == -EAGAIN ||
                one.status == -ETIMEDOUT); /* not every network says "refused" each time */
    assert_idle();
}

static void gives_up_when_the_server_is_silent(void **state) {
    outcome one = {0}, another = {0};
    (void)state;
    start(&one, "silent.test");
    pass(5);
    assert_int_equal(one.calls, 0);
    start(&another, "silent.test");
    pass(6);
    assert_int_equal(one.calls, 1);
    assert_int_equal(one.status, -ETIMEDOUT);
    assert_int_equal(another.status, -ETIMEDOUT);
    assert_int_equal(questions("silent.test"), 3);
    assert_idle();
    record("silent.test")->mode = DNS_ANSWER;
    assert_int_equal(look_up(&one, "silent.test"), 0);
    record("silent.test")->mode = DNS_SILENT;
}

static void gives_up_although_servers_are_still_being_asked(void **state) {
    outcome one = {0}, another = {0};
    (void)state;
    start(&another, "late.test");
    WAIT_FOR(here.server.late_count == 1);
    start(&one, "silent.test");
    here.skew += 11; /* at once, so that c-ares is only at its second try */
    pass(0.5);
    assert_int_equal(one.status, -ETIMEDOUT);
    assert_int_equal(another.status, -ETIMEDOUT);
    dns_server_release(&here.server);
    assert_idle();
    record("late.test")->mode = DNS_ANSWER;
    assert_int_equal(look_up(&one, "late.test"), 0);
    assert_string_equal(one.addresses, "192.0.2.8 ");
    record("late.test")->mode = DNS_LATE;
}

static void answers_one_family_while_the_other_is_not_answered(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        outcome four = {0}, six = {0};
        record("half.test")->mode = i ? DNS_SILENT_ON_A : DNS_SILENT_ON_AAAA;
        start_family(&six, "half.test", MP_PROTOCOL_IPV6);
        start_family(&four, "half.test", MP_PROTOCOL_IPV4);
        finish(i ? &six : &four); /* the clock doesn't move */
        assert_string_equal(i ? six.addresses : four.addresses, i ? "2001:db8::7 " : "192.0.2.7 ");
        assert_int_equal(mp_resolver_pending(here.resolver), 1);
        pass(10);
        assert_int_equal(i ? four.status : six.status, -ETIMEDOUT);
        assert_idle();
        assert_int_equal(mp_resolver_set_servers(here.resolver, here.server.address), 0); /* forgets */
    }
}

static void asks_again_with_tcp_when_the_answer_is_truncated(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "large.test"), 0);
    assert_string_equal(one.addresses, "192.0.2.9 ");
    assert_int_equal(here.server.connections, 1);
    assert_idle();
}

static void answers_localhost_without_asking(void **state) {
    static const char *const names[] = {"localhost", "LocalHost.", "localhost.", "db.localhost",
                                        "a.b.LOCALHOST."};
    outcome one = {0};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(look_up(&one, names[i]), 0);
        assert_string_equal(one.addresses, "127.0.0.1 ");
        assert_int_equal(look_up_family(&one, names[i], MP_PROTOCOL_IPV6), 0);
        assert_string_equal(one.addresses, "::1 ");
    }
    assert_int_equal(all_questions(), 0);
    assert_int_equal(look_up(&one, "nolocalhost."), -ENOENT);
    assert_int_equal(look_up(&one, ".localhost"), -ENOENT);
    assert_int_equal(all_questions(), 1);
}

static void answers_literals_without_asking(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "192.0.2.77"), 0);
    assert_string_equal(one.addresses, "192.0.2.77 ");
    assert_int_equal(look_up_family(&one, "192.0.2.77", MP_PROTOCOL_IPV6), -ENOENT);
    assert_int_equal(look_up_family(&one, "2001:DB8::77", MP_PROTOCOL_IPV6), 0);
    assert_string_equal(one.addresses, "2001:db8::77 ");
    assert_int_equal(look_up(&one, "2001:DB8::77"), -ENOENT);
    assert_int_equal(all_questions(), 0);
}

static void knows_the_hosts_file(void **state) {
    char path[] = "/tmp/resolver_test.XXXXXX";
    outcome one = {0};
    FILE *hosts = fdopen(mkstemp(path), "w");
    (void)state;
    fputs("# hosts\n10.1.2.3 Printer printer.lan\n2001:db8::33 printer.lan\n", hosts);
    fflush(hosts);
    setenv("CARES_HOSTS", path, 1);
    assert_int_equal(look_up(&one, "PRINTER"), 0);
    assert_string_equal(one.addresses, "10.1.2.3 ");
    assert_int_equal(look_up_family(&one, "printer", MP_PROTOCOL_IPV6), -ENOENT);
    assert_int_equal(look_up_family(&one, "printer.lan", MP_PROTOCOL_IPV6), 0);
    assert_string_equal(one.addresses, "2001:db8::33 ");
    fputs("10.1.2.4 printer\n", hosts);
    fclose(hosts);
    assert_int_equal(look_up(&one, "printer"), 0);
    assert_int_equal(one.count, 2);
    unlink(path);
    assert_int_equal(all_questions(), 0);
    assert_idle();
}

static void finds_nothing_under_a_malformed_name(void **state) {
    static const char *const names[] = {
        "",           ".",     "..",
        ".a",         "a..b",  "a b",
        "a/b",        "a:1",   "http://a",
        "a\\.b",      "a\n",   "\x7f",
        "fe80::1%lo", "[::1]", "a2345678901234567890123456789012345678901234567890123456789012345.test"};
    outcome one = {0};
    char name[512];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(look_up(&one, names[i]), -ENOENT);
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '.' : 'a';
    for (size_t length = 254; length < sizeof name; length++) {
        name[length] = '\0';
        if (length != 254) /* with its final dot it isn't too long */
            assert_int_equal(look_up(&one, name), -ENOENT);
        name[length] = length % 2 ? '.' : 'a';
    }
    assert_int_equal(all_questions(), 0);
    name[253] = '\0';
    assert_int_equal(look_up(&one, name), -ENOENT);
    assert_int_not_equal(all_questions(), 0);
    assert_idle();
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_records, tear_down)
    TEST(gives_the_addresses_of_the_family_and_asks_for_no_other),
    TEST(shares_one_query_among_equal_names),
    TEST(refuses_a_lookup_that_is_under_way),
    TEST(keeps_an_answer_for_the_smallest_time_to_live),
    TEST(keeps_no_answer_longer_than_an_hour),
    TEST(keeps_no_answer_without_time_to_live),
    TEST(says_that_a_host_does_not_exist),
    TEST(says_that_the_server_fails),
    TEST(says_that_no_server_is_there),
    TEST(gives_up_when_the_server_is_silent),
    TEST(gives_up_although_servers_are_still_being_asked),
    TEST(answers_one_family_while_the_other_is_not_answered),
    TEST(asks_again_with_tcp_when_the_answer_is_truncated),
    TEST(answers_localhost_without_asking),
    TEST(answers_literals_without_asking),
    TEST(knows_the_hosts_file),
    TEST(finds_nothing_under_a_malformed_name),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
