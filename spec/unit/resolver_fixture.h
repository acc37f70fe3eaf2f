/*
 * What the tests of the resolver share: a loop with a name server and a resolver that asks it, look-ups that
 * remember their outcome, waits that fail instead of lasting, and a clock that the test can advance. The
 * clock and stat apply to the whole process, including libev and c-ares. A program contains only one such
 * test file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RESOLVER_FIXTURE_H
#define RESOLVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "dns_server.h"
#include "resolver/resolver.h"

typedef struct outcome outcome;

/* A look-up and how it ended. */
struct outcome {
    mp_lookup lookup;
    int calls;
    int status;
    size_t count;
    char addresses[512];     /* each followed by a blank */
    void (*then)(outcome *); /* what done also does */
    outcome *other;
    const char *name;
};

static struct {
    struct ev_loop *loop;
    mp_resolver *resolver;
    dns_server server;
    ev_timer tick; /* lets waits check their condition; doesn't keep the loop running */
    double skew;   /* how many seconds the monotonic clock is ahead */
    time_t changed;
} here;

/* Overrides libc's. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_MONOTONIC) {
        long seconds = (long)here.skew;
        time->tv_sec += seconds;
        time->tv_nsec += (long)((here.skew - (double)seconds) * 1e9);
        if (time->tv_nsec >= 1000000000) {
            time->tv_nsec -= 1000000000;
            time->tv_sec++;
        }
    }
    return result;
}

/* Overrides libc's: every file has changed when the test says so. */
__attribute__((visibility("default"))) int stat(const char *path, struct stat *status) {
    int result = fstatat(AT_FDCWD, path, status, 0);
    if (result == 0)
        status->st_mtim.tv_sec += here.changed;
    return result;
}

static double real_time(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_tick(struct ev_loop *loop, ev_timer *tick, int events) {
    (void)loop, (void)tick, (void)events;
}

static int set_up(void **state, dns_record *records) {
    memset(&here, 0, sizeof here);
    setenv("CARES_HOSTS", "/nonexistent/hosts", 1);
    here.loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&here.tick, on_tick, 0.01, 0.01);
    ev_timer_start(here.loop, &here.tick);
    ev_unref(here.loop);
    dns_server_start(&here.server, here.loop, records);
    for (dns_record *record = records; record; record = record->name ? record + 1 : NULL)
        record->questions = record->aaaa_questions = 0;
    *state = NULL;
    return mp_resolver_new(here.loop, &here.resolver) < 0 ||
           mp_resolver_set_servers(here.resolver, here.server.address) < 0;
}

static int tear_down(void **state) {
    (void)state;
    mp_resolver_free(here.resolver);
    dns_server_stop(&here.server);
    ev_ref(here.loop);
    ev_timer_stop(here.loop, &here.tick);
    ev_loop_destroy(here.loop);
    return 0;
}

/* Runs the loop until `condition`; fails after 20 s. */
#define WAIT_FOR(condition)                                                                                  \
    do {                                                                                                     \
        double limit_ = real_time() + 20.;                                                                   \
        while (!(condition)) {                                                                               \
            if (real_time() > limit_)                                                                        \
                fail_msg("timed out waiting for: %s", #condition);                                           \
            ev_run(here.loop, EVRUN_ONCE);                                                                   \
        }                                                                                                    \
    } while (0)

/* Advances the clock in small steps, with some turns of the loop for each. */
static inline void pass(double seconds) {
    for (double passed = 0; passed < seconds; passed += 0.25) {
        here.skew += 0.25;
        for (int i = 0; i < 4; i++)
            ev_run(here.loop, EVRUN_NOWAIT);
    }
}

static void on_done(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    outcome *one = (outcome *)lookup;
    size_t length = 0;
    one->calls++;
    one->status = status;
    one->count = count;
    one->addresses[0] = '\0';
    for (size_t i = 0; i < count && length + MP_ADDRESS_TEXT + 2 < sizeof one->addresses; i++) {
        length += mp_address_format(&addresses[i], one->addresses + length);
        one->addresses[length++] = ' ';
        one->addresses[length] = '\0';
    }
    if (one->then)
        one->then(one);
}

/* Starts a look-up, which must not end at once. */
static void start_family(outcome *one, const char *name, enum mp_protocol family) {
    int calls = one->calls;
    assert_int_equal(mp_resolver_lookup(here.resolver, &one->lookup, name, family, on_done), 0);
    assert_int_equal(one->calls, calls);
}

static void start(outcome *one, const char *name) {
    start_family(one, name, MP_PROTOCOL_IPV4);
}

static void finish(outcome *one) {
    int calls = one->calls;
    WAIT_FOR(one->calls > calls);
    assert_int_equal(one->calls, calls + 1);
}

/* Runs a whole look-up; returns its status. */
static int look_up_family(outcome *one, const char *name, enum mp_protocol family) {
    start_family(one, name, family);
    finish(one);
    return one->status;
}

static inline int look_up(outcome *one, const char *name) {
    return look_up_family(one, name, MP_PROTOCOL_IPV4);
}

/* The resolver must not keep the loop running or wake it. */
static void assert_idle(void) {
    double limit = real_time() + 20.;
    assert_int_equal(mp_resolver_pending(here.resolver), 0);
    ev_ref(here.loop);
    ev_timer_stop(here.loop, &here.tick);
    while (ev_run(here.loop, EVRUN_NOWAIT) && real_time() < limit)
        continue;
    assert_false(ev_run(here.loop, EVRUN_NOWAIT));
    ev_timer_start(here.loop, &here.tick);
    ev_unref(here.loop);
}

#endif
