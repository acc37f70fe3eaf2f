/*
 * Connecting, with a clock that the test advances, for the whole process.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "net/network.h"
#include "net/tcp_socket.h"

static double skew;

/* Overrides libc's. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock_id, struct timespec *tp) {
    int result = (int)syscall(SYS_clock_gettime, clock_id, tp);
    if (result == 0 && clock_id == CLOCK_MONOTONIC)
        tp->tv_sec += (time_t)skew;
    return result;
}

static const mp_upcalls none;
static const mp_network_upcalls no_network;

static int listen_anywhere(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void a_connection_that_is_there_when_its_time_is_over_counts(void **state) {
    mp_tcp_socket socket;
    mp_network *network;
    uint16_t port;
    (void)state;
    int listener = listen_anywhere(&port);
    assert_int_equal(mp_network_new(&none, &no_network, NULL, &network), 0);
    mp_loop_ref(&network->loop); /* it keeps running */
    mp_tcp_socket_init(&socket, network);
    assert_int_equal(mp_tcp_socket_connect(&socket, "127.0.0.1", port, MP_READ_WRITE, MP_PROTOCOL_ANY), 0);
    mp_loop_settle(&network->loop);
    assert_int_equal(socket.stream.state, MP_STATE_CONNECTING);
    skew += 60; /* the process was busy */
    ev_run(network->loop.ev, EVRUN_NOWAIT);
    assert_int_equal(socket.stream.state, MP_STATE_CONNECTED);
    mp_stream_destroy(&socket.stream);
    mp_network_free(network);
    close(listener);
}

/* A kernel without IPv6, by the linker's --wrap for socket. */
static bool no_ipv6;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

int __wrap_socket(int family, int type, int protocol) {
    if (!no_ipv6 || family != AF_INET6)
        return __real_socket(family, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}

static void any_is_bound_without_ipv6(void **state) {
    mp_tcp_socket socket;
    mp_network *network;
    mp_address any, local;
    uint16_t port, bound;
    (void)state;
    int listener = listen_anywhere(&port);
    mp_address_set_any(&any);
    no_ipv6 = true;
    assert_int_equal(mp_network_new(&none, &no_network, NULL, &network), 0);
    mp_loop_ref(&network->loop); /* it keeps running */
    mp_tcp_socket_init(&socket, network);
    assert_int_equal(mp_tcp_socket_bind(&socket, &any, 0, MP_BIND_DEFAULT), MP_FAULT_NONE);
    mp_tcp_socket_local_address(&socket, &local, &bound);
    assert_int_equal(local.protocol, MP_PROTOCOL_IPV4);
    assert_int_not_equal(bound, 0);
    assert_int_equal(mp_tcp_socket_connect(&socket, "127.0.0.1", port, MP_READ_WRITE, MP_PROTOCOL_ANY), 0);
    mp_loop_settle(&network->loop);
    ev_run(network->loop.ev, EVRUN_NOWAIT);
    assert_int_equal(socket.stream.state, MP_STATE_CONNECTED);
    no_ipv6 = false;
    mp_stream_destroy(&socket.stream);
    mp_network_free(network);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_is_there_when_its_time_is_over_counts),
        cmocka_unit_test(any_is_bound_without_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
