/*
 * The two families of a name: each is its own question, but they go through the search list together, so that
 * nobody gets the addresses of two hosts. What one family lacks is remembered as long as the other's answer
 * is kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver_fixture.h"

static dns_record records[] = {
    {.name = "four.test", .ttl = 300, .a = "192.0.2.1"},
    {.name = "brief.test", .ttl = 1, .a = "192.0.2.2"},
    {.name = "short.one.lan", .ttl = 300, .a = "192.0.2.3"},
    {.name = "short.two.lan", .ttl = 300, .a = "192.0.2.4", .aaaa = "2001:db8::4"},
    {.name = "zero.one.lan", .ttl = 0, .a = "192.0.2.5"},
    {.name = "zero.two.lan", .ttl = 0, .aaaa = "2001:db8::5"},
    {.name = "deep.two.lan", .ttl = 300, .a = "192.0.2.6", .aaaa = "2001:db8::6"},
    {.name = "late.one.lan", .mode = DNS_LATE, .ttl = 300, .a = "192.0.2.7"},
    {.name = "late.two.lan", .ttl = 300, .aaaa = "2001:db8::7"},
    {.name = "brief.one.lan", .mode = DNS_LATE, .ttl = 0, .a = "192.0.2.7"},
    {.name = "brief.two.lan", .ttl = 300, .aaaa = "2001:db8::7"},
    {.name = "mute.one.lan", .mode = DNS_SILENT_ON_AAAA},
    {.name = "mute.two.lan", .ttl = 300, .a = "192.0.2.8"},
    {.name = "x.onion.one.lan", .ttl = 300, .a = "192.0.2.9"},
    {.name = "bare", .ttl = 300, .a = "192.0.2.10"},
    {.mode = DNS_NO_SUCH_NAME},
};

static int set_up_records(void **state) {
    setenv("LOCALDOMAIN", "one.lan two.lan", 1); /* the search list */
    return set_up(state, records);
}

static dns_record *record(const char *name) {
    dns_record *found = records;
    while (found->name && strcmp(found->name, name) != 0)
        found++;
    return found;
}

/* Looks both families up, IPv6 first as a connect does. */
static void start_both(outcome *six, outcome *four, const char *name) {
    start_family(six, name, MP_PROTOCOL_IPV6);
    start(four, name);
}

static void look_up_both(outcome *six, outcome *four, const char *name) {
    start_both(six, four, name);
    WAIT_FOR(six->calls == 1 && four->calls == 1);
    assert_idle();
}

static void asks_for_a_family_that_is_not_there_once_while_the_other_is_kept(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        outcome six = {0}, four = {0};
        look_up_both(&six, &four, "four.test");
        assert_int_equal(six.status, -ENOENT);
        assert_string_equal(four.addresses, "192.0.2.1 ");
    }
    assert_int_equal(record("four.test")->questions, 1);
    assert_int_equal(record("four.test")->aaaa_questions, 1);
}

static void asks_for_both_again_when_the_one_is_not_kept_any_longer(void **state) {
    outcome six = {0}, four = {0};
    (void)state;
    look_up_both(&six, &four, "brief.test");
    pass(1.25);
    six.calls = four.calls = 0;
    look_up_both(&six, &four, "brief.test");
    assert_int_equal(record("brief.test")->questions, 2);
    assert_int_equal(record("brief.test")->aaaa_questions, 2);
}

static void searches_no_further_than_one_family_is_found(void **state) {
    static const char *const names[] = {"short", "zero"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        outcome six = {0}, four = {0};
        look_up_both(&six, &four, names[i]);
        assert_int_equal(six.status, -ENOENT);
        assert_string_equal(four.addresses, i ? "192.0.2.5 " : "192.0.2.3 ");
    }
    assert_int_equal(record("short.two.lan")->aaaa_questions, 0);
    assert_int_equal(record("zero.two.lan")->aaaa_questions, 0);
}

static void holds_the_denied_family_until_the_other_is_answered(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        outcome six = {0}, four = {0};
        start_both(&six, &four, i < 2 ? "late" : "brief"); /* "brief" is not kept */
        WAIT_FOR(here.server.late_count == 2);
        if (i % 2 == 1) {
            dns_packet first = here.server.late[0];
            here.server.late[0] = here.server.late[1];
            here.server.late[1] = first;
        }
        dns_server_release(&here.server);
        WAIT_FOR(six.calls == 1 && four.calls == 1);
        assert_int_equal(six.status, -ENOENT);
        assert_string_equal(four.addresses, "192.0.2.7 ");
        assert_int_equal(record("late.two.lan")->aaaa_questions + record("brief.two.lan")->aaaa_questions, 0);
        assert_idle();
        assert_int_equal(mp_resolver_set_servers(here.resolver, here.server.address), 0); /* forgets */
    }
}

static void searches_no_further_than_the_other_family_was_found_before(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "short"), 0);
    assert_int_equal(look_up_family(&one, "short", MP_PROTOCOL_IPV6), -ENOENT);
    assert_int_equal(record("short.two.lan")->aaaa_questions, 0);
}

static void searches_on_when_neither_family_is_there(void **state) {
    outcome six = {0}, four = {0};
    (void)state;
    look_up_both(&six, &four, "deep");
    assert_string_equal(six.addresses, "2001:db8::6 ");
    assert_string_equal(four.addresses, "192.0.2.6 ");
    look_up_both(&(outcome){0}, &(outcome){0}, "deep");
    assert_int_equal(record("deep.two.lan")->questions, 1);
    assert_int_equal(record("deep.two.lan")->aaaa_questions, 1);
}

static void searches_for_one_family_alone(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up_family(&one, "short", MP_PROTOCOL_IPV6), 0);
    assert_string_equal(one.addresses, "2001:db8::4 ");
    assert_idle();
}

static void tries_the_name_itself_last_or_first_or_alone(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "bare"), 0);
    assert_int_equal(record("")->questions, 2); /* bare.one.lan, bare.two.lan */
    assert_int_equal(look_up(&one, "four.test"), 0);
    assert_int_equal(record("")->questions, 2);
    assert_int_equal(look_up(&one, "no.test"), -ENOENT);
    assert_int_equal(record("")->questions, 5);
    assert_int_equal(look_up(&one, "short."), -ENOENT);
    assert_int_equal(record("")->questions, 6);
}

static void searches_no_further_while_it_is_unknown_whether_a_family_is_there(void **state) {
    outcome six = {0}, four = {0};
    (void)state;
    start_both(&six, &four, "mute");
    WAIT_FOR(record("mute.one.lan")->questions == 1 && record("mute.one.lan")->aaaa_questions == 1);
    pass(0.5);
    assert_int_equal(four.calls, 0);
    pass(10);
    assert_int_equal(six.status, -ETIMEDOUT);
    assert_int_equal(four.status, -ENOENT);
    assert_int_equal(record("mute.two.lan")->questions, 0);
    assert_idle();
}

static void cancels_a_family_that_is_held(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        outcome six = {0}, four = {0};
        start_both(&six, &four, "mute");
        pass(0.5);
        mp_lookup_cancel(i == 0 ? &six.lookup : &four.lookup);
        if (i == 2)
            pass(10);
        mp_lookup_cancel(i == 0 ? &four.lookup : &six.lookup);
        assert_int_equal(six.calls + four.calls, i == 2);
        assert_idle();
    }
}

static void frees_a_family_that_is_held(void **state) {
    outcome six = {0}, four = {0};
    (void)state;
    start_both(&six, &four, "mute");
    pass(0.5);
    mp_resolver_free(here.resolver);
    mp_lookup_cancel(&six.lookup);
    mp_lookup_cancel(&four.lookup);
    assert_int_equal(six.calls + four.calls, 0);
    assert_int_equal(mp_resolver_new(here.loop, &here.resolver), 0);
}

static void asks_nobody_for_an_onion(void **state) {
    outcome one = {0};
    (void)state;
    assert_int_equal(look_up(&one, "x.onion"), -ENOENT);
    assert_int_equal(record("x.onion.one.lan")->questions, 0);
    assert_int_equal(record("")->questions, 0);
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_records, tear_down)
    TEST(asks_for_a_family_that_is_not_there_once_while_the_other_is_kept),
    TEST(asks_for_both_again_when_the_one_is_not_kept_any_longer),
    TEST(searches_no_further_than_one_family_is_found),
    TEST(holds_the_denied_family_until_the_other_is_answered),
    TEST(searches_no_further_than_the_other_family_was_found_before),
    TEST(searches_on_when_neither_family_is_there),
    TEST(searches_for_one_family_alone),
    TEST(tries_the_name_itself_last_or_first_or_alone),
    TEST(searches_no_further_while_it_is_unknown_whether_a_family_is_there),
    TEST(cancels_a_family_that_is_held),
    TEST(frees_a_family_that_is_held),
    TEST(asks_nobody_for_an_onion),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
