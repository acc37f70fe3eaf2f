/*
 * Each step of a connect fails, by the linker's --wrap: for lack of memory or a descriptor, at once, later,
 * and after the connection is established. Each failure is reported once, and nothing is left behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "failing_allocation.h"

static struct { int socket, connect, result; /* errno */ } system_fails;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);

int __wrap_socket(int family, int type, int protocol) {
    if (!system_fails.socket)
        return __real_socket(family, type, protocol);
    errno = system_fails.socket;
    return -1;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size) {
    if (!system_fails.connect)
        return __real_connect(fd, address, size);
    errno = system_fails.connect;
    return -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
    int result = __real_getsockopt(fd, level, name, value, size);
    if (system_fails.result && level == SOL_SOCKET && name == SO_ERROR)
        *(int *)value = system_fails.result;
    return result;
}

static int listener;
static uint16_t port;

static int begin(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    memset(&system_fails, 0, sizeof system_fails);
    listener = __real_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        return -1;
    port = ntohs(address.sin_port);
    return set_up(state);
}

static int end(void **state) {
    int result = tear_down(state);
    close(listener);
    return result;
}

static enum mp_fault connect_to(const char *host) {
    return mp_tcp_socket_connect(&ours->socket, host, port, MP_READ_WRITE, MP_PROTOCOL_ANY);
}

/* The connect fails; the next one succeeds. */
static void assert_fails(enum mp_fault fault) {
    char expected[100];
    assert_int_equal(connect_to("127.0.0.1"), MP_FAULT_NONE);
    assert_int_equal(mp_stream_write(stream_of(ours), "queued", 6, MP_COPY), MP_FAULT_NONE);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    turns(3);
    snprintf(expected, sizeof expected, "lookup connecting unconnected error:%d ", fault);
    assert_string_equal(ours->signals, expected);
    assert_int_equal(stream_of(ours)->fault, fault);
    assert_int_equal(mp_stream_unsent(stream_of(ours)), 0);
    assert_int_equal(mp_stream_descriptor(stream_of(ours)), -1);
    assert_true(mp_ring_is_empty(&network->connecting));
    memset(&system_fails, 0, sizeof system_fails);
    assert_int_equal(connect_to("127.0.0.1"), MP_FAULT_NONE);
    UNTIL(stream_of(ours)->state == MP_STATE_CONNECTED);
}

TEST(there_is_no_descriptor) {
    system_fails.socket = EMFILE;
    assert_fails(mp_fault_from_errno(MP_ATTEMPT_SOCKET, EMFILE));
}

TEST(the_system_refuses_at_once) {
    system_fails.connect = ENETUNREACH;
    assert_fails(MP_FAULT_NETWORK_UNREACHABLE);
}

TEST(the_system_has_no_port_left) {
    system_fails.connect = EADDRNOTAVAIL;
    assert_fails(mp_fault_from_errno(MP_ATTEMPT_CONNECT, EADDRNOTAVAIL));
}

TEST(the_peer_refuses) {
    system_fails.result = ECONNREFUSED;
    assert_fails(MP_FAULT_CONNECTION_REFUSED);
}

/* The listener's queue is full: the system drops further connects. */
TEST(nothing_comes_in_time) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int others[3];
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 3; i++) {
        others[i] = __real_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)__real_connect(others[i], (struct sockaddr *)&address, length);
    }
    assert_int_equal(connect_to("127.0.0.1"), MP_FAULT_NONE);
    turns(10);
    assert_int_equal(stream_of(ours)->state, MP_STATE_CONNECTING);
    skew += 31;
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    assert_int_equal(stream_of(ours)->fault, MP_FAULT_CONNECT_TIMEOUT);
    for (int i = 0; i < 3; i++)
        close(others[i]);
}

/* On its own descriptor, which is closed with the failure. */
TEST(a_bound_socket_fails) {
    mp_address address;
    char expected[100];
    mp_address_parse(&address, "127.0.0.1", 9);
    assert_int_equal(mp_tcp_socket_bind(&ours->socket, &address, 0, MP_BIND_DEFAULT), 0);
    system_fails.connect = ENETUNREACH;
    assert_int_equal(connect_to("127.0.0.1"), MP_FAULT_NONE);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    turns(3);
    snprintf(expected, sizeof expected, "bound lookup connecting unconnected error:%d ",
             MP_FAULT_NETWORK_UNREACHABLE);
    assert_string_equal(ours->signals, expected);
    assert_int_equal(mp_stream_descriptor(stream_of(ours)), -1);
}

/* The n-th allocation of a connect fails, or all from the n-th on. */
static bool try_failure(unsigned from, unsigned to) {
    void *unused = NULL;
    mp_limits *limits;
    assert_int_equal(begin(&unused), 0);
    limits = mp_stream_own_limits(stream_of(ours));
    limits->idle_timeout = 60000;
    host_failure = (failure){.armed = true, .from = from, .to = to};
    enum mp_fault fault = connect_to("127.0.0.1");
    turns(3);
    host_failure.armed = false;
    bool reached = host_failure.count >= from;
    if (fault != MP_FAULT_NONE || stream_of(ours)->state != MP_STATE_CONNECTED) {
        assert_true(reached);
        assert_int_equal(stream_of(ours)->state, MP_STATE_UNCONNECTED);
        assert_int_equal(connect_to("127.0.0.1"), MP_FAULT_NONE);
    }
    UNTIL(stream_of(ours)->state == MP_STATE_CONNECTED);
    assert_int_equal(end(&unused), 0);
    return reached;
}

TEST(there_is_no_memory) {
    for (int all = 0; all < 2; all++) {
        unsigned n = 1;
        while (try_failure(n, all ? UINT_MAX : n))
            n++;
        assert_true(n > 2);
    }
}

/* A name makes the network create a resolver. */
TEST(there_is_no_memory_for_a_lookup) {
    unsigned n = 1;
    for (bool reached = true; reached; n++) {
        void *unused = NULL;
        assert_int_equal(begin(&unused), 0);
        host_failure = (failure){.armed = true, .from = n, .to = UINT_MAX};
        (void)connect_to("localhost");
        turns(3);
        host_failure.armed = false;
        reached = host_failure.count >= n;
        mp_stream_abort(stream_of(ours));
        turns(3);
        assert_int_equal(stream_of(ours)->state, MP_STATE_UNCONNECTED);
        assert_int_equal(end(&unused), 0);
    }
    assert_true(n > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CONNECT_ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
        CONNECT_ROW(there_is_no_descriptor),      CONNECT_ROW(the_system_refuses_at_once),
        CONNECT_ROW(the_system_has_no_port_left), CONNECT_ROW(the_peer_refuses),
        CONNECT_ROW(nothing_comes_in_time),       CONNECT_ROW(a_bound_socket_fails),
        cmocka_unit_test(there_is_no_memory),     cmocka_unit_test(there_is_no_memory_for_a_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
