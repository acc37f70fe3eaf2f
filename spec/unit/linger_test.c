/*
 * How long a closed connection's descriptor stays open for the peer, with a clock that the test advances for
 * the whole process, libev included. The system's own clock differs.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "net/linger.h"
#include "system/system.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

static double skew;

/* Overrides libc's. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock_id, struct timespec *tp) {
    int result = (int)syscall(SYS_clock_gettime, clock_id, tp);
    if (result == 0 && clock_id == CLOCK_MONOTONIC) {
        tp->tv_nsec += (long)((skew - (double)(long)skew) * 1e9);
        tp->tv_sec += (long)skew + tp->tv_nsec / 1000000000;
        tp->tv_nsec %= 1000000000;
    }
    return result;
}

static const mp_upcalls none;
static const mp_network_upcalls no_network;
static mp_network *network;
static int ours, peer;

static int set_up(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
        connect(peer, (struct sockaddr *)&address, length) < 0)
        return -1;
    ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    fcntl(peer, F_SETFL, O_NONBLOCK);
    if (mp_network_new(&none, &no_network, NULL, &network) < 0)
        return -1;
    mp_loop_ref(&network->loop); /* it keeps running */
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    mp_network_free(network);
    close(peer);
    return 0;
}

static void run(void) {
    ev_run(network->loop.ev, EVRUN_NOWAIT);
}

/* Advances by half seconds, one after another. */
static void pass(int halves) {
    for (int i = 0; i < halves; i++) {
        skew += 0.5;
        run();
    }
}

static bool is_open(void) {
    return fcntl(ours, F_GETFD) >= 0;
}

static void send_byte(void) {
    assert_int_equal(send(peer, "x", 1, MSG_NOSIGNAL), 1);
}

/* The peer's system takes a while to confirm a byte, and the end. */
static void wait_for_confirmation(void) {
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 5000 && mp_system_unsent(ours) > 0; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(mp_system_unsent(ours), 0);
}

static void begin(void) {
    assert_int_equal(send(ours, "!", 1, MSG_NOSIGNAL), 1);
    wait_for_confirmation();
    assert_true(mp_linger(network, ours));
    wait_for_confirmation();
    run();
    assert_true(is_open());
}

TEST(closes_when_the_peer_does) {
    begin();
    shutdown(peer, SHUT_WR);
    run();
    assert_false(is_open());
}

TEST(closes_when_the_peer_sends_nothing_for_two_seconds) {
    begin();
    pass(3);
    assert_true(is_open());
    pass(2);
    assert_false(is_open());
}

TEST(waits_while_the_peer_sends_but_not_for_ever) {
    begin();
    for (int i = 0; i < 28; i++) {
        send_byte();
        pass(2);
        assert_true(is_open());
    }
    for (int i = 0; i < 4; i++) {
        if (is_open())
            send_byte();
        pass(2);
    }
    assert_false(is_open());
}

TEST(throws_so_much_away_and_no_more) {
    static char data[1 << 17];
    size_t sent = 0;
    begin();
    while (is_open() && sent < (size_t)1 << 30) {
        ssize_t n = send(peer, data, sizeof data, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        run();
    }
    assert_in_range(sent, (size_t)256 << 20, (size_t)300 << 20);
}

TEST(keeps_no_descriptor_of_a_peer_that_sends_nothing) {
    const struct timespec pause = {.tv_sec = 2, .tv_nsec = 100000000};
    nanosleep(&pause, NULL); /* the system counts this time */
    assert_false(mp_linger(network, ours));
    assert_true(is_open());
    close(ours);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        ROW(closes_when_the_peer_does),
        ROW(closes_when_the_peer_sends_nothing_for_two_seconds),
        ROW(waits_while_the_peer_sends_but_not_for_ever),
        ROW(throws_so_much_away_and_no_more),
        ROW(keeps_no_descriptor_of_a_peer_that_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
