/*
 * Look-ups of a process that is out of descriptors, or was busy. c-ares reports this as servers that refuse,
 * and treats a file that it can't open as missing. So a name was "not found", which blamed the host.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver_fixture.h"

#include <sys/epoll.h>
#include <sys/resource.h>

static dns_record records[] = {
    {.name = "one.test", .ttl = 300, .a = "192.0.2.1"},
    {.name = "late.test", .mode = DNS_LATE, .ttl = 300, .a = "192.0.2.2"},
    {.name = "large.test", .mode = DNS_TRUNCATED, .ttl = 300, .a = "192.0.2.3"},
    {.mode = DNS_NO_SUCH_NAME},
};

static rlim_t limit;

static void set_limit(rlim_t number) {
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    limit = now.rlim_cur;
    now.rlim_cur = number;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static void take_descriptors(void) {
    int lowest = dup(STDERR_FILENO);
    assert_true(lowest > 0);
    close(lowest);
    set_limit((rlim_t)lowest);
}

static void give_descriptors(void) {
    set_limit(limit);
}

static int set_up_records(void **state) {
    return set_up(state, records);
}

/* The status, from the call or later. */
static int status_of(const char *name) {
    outcome one = {0};
    int result = mp_resolver_lookup(here.resolver, &one.lookup, name, MP_PROTOCOL_IPV4, on_done);
    if (result < 0)
        return result;
    finish(&one);
    return one.status;
}

static void tells_of_a_shortage_when_a_name_is_asked_for(void **state) {
    (void)state;
    take_descriptors();
    int status = status_of("one.test");
    give_descriptors();
    assert_int_equal(status, -EMFILE);
    assert_int_equal(status_of("one.test"), 0);
}

static void tells_of_a_shortage_where_no_hosts_file_is_read(void **state) {
    outcome one = {0};
    (void)state;
    start(&one, "large.test"); /* asked again over TCP, for which there is no socket */
    take_descriptors();
    WAIT_FOR(one.calls == 1);
    give_descriptors();
    assert_int_equal(one.status, -EMFILE);
    assert_idle();
}

static void does_not_take_an_unreadable_hosts_file_for_an_empty_one(void **state) {
    char path[] = "/tmp/moonport-hosts-XXXXXX";
    FILE *hosts = fdopen(mkstemp(path), "w");
    outcome other = {0};
    (void)state;
    fputs("10.1.2.3 printer.lan\n", hosts);
    fclose(hosts);
    setenv("CARES_HOSTS", path, 1);
    start(&other, "late.test"); /* its socket also serves the next question */
    WAIT_FOR(here.server.late_count == 1);
    take_descriptors();
    int status = status_of("printer.lan");
    give_descriptors();
    assert_int_equal(status, -EMFILE);
    assert_int_equal(status_of("printer.lan"), 0);
    mp_lookup_cancel(&other.lookup);
    unlink(path);
}

static void reads_the_configuration_when_it_can(void **state) {
    (void)state;
    mp_resolver_free(here.resolver);
    assert_int_equal(mp_resolver_new(here.loop, &here.resolver), 0);
    take_descriptors();
    int status = status_of("one.test");
    int set = mp_resolver_set_servers(here.resolver, here.server.address);
    give_descriptors();
    assert_int_equal(status, -EMFILE);
    assert_int_equal(set, -EMFILE);
    assert_int_equal(mp_resolver_set_servers(here.resolver, here.server.address), 0);
    assert_int_equal(status_of("one.test"), 0);
    assert_int_equal(status_of("missing.test"), -ENOENT);
}

static int unwatched; /* the number of sockets that the poll refuses */

/* Overrides libc's, for libev. */
__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
    if (op != EPOLL_CTL_ADD || unwatched == 0)
        return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
    unwatched--;
    errno = ENOSPC;
    return -1;
}

static void ends_what_no_answer_would_be_seen_of(void **state) {
    outcome one = {0}, other = {0};
    (void)state;
    ev_run(here.loop, EVRUN_NOWAIT); /* the poll watches the server's sockets */
    start(&one, "one.test");
    start(&other, "large.test");
    unwatched = 1;
    WAIT_FOR(one.calls == 1 && other.calls == 1);
    assert_int_equal(unwatched, 0);
    assert_int_equal(one.status, -ENOMEM);
    assert_int_equal(other.status, -ENOMEM);
    assert_idle();
    assert_int_equal(look_up(&one, "one.test"), 0);
}

/* The process was busy for so long. */
static void takes_an_answer_that_is_there_when_its_time_is_over(void **state) {
    outcome one = {0};
    (void)state;
    start(&one, "late.test");
    WAIT_FOR(here.server.late_count == 1);
    dns_server_release(&here.server);
    here.skew += 11;
    finish(&one);
    assert_int_equal(one.status, 0);
}

static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_records, tear_down)
    TEST(tells_of_a_shortage_when_a_name_is_asked_for),
    TEST(tells_of_a_shortage_where_no_hosts_file_is_read),
    TEST(does_not_take_an_unreadable_hosts_file_for_an_empty_one),
    TEST(reads_the_configuration_when_it_can),
    TEST(ends_what_no_answer_would_be_seen_of),
    TEST(takes_an_answer_that_is_there_when_its_time_is_over),
};

int main(void) {
    return cmocka_run_group_tests(tests, NULL, NULL);
}
