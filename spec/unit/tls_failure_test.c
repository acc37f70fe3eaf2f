/*
 * A server and a client shake hands, echo and close, both in this process, while something of the system
 * fails: an allocation of host/ (the linker's --wrap) or of OpenSSL (CRYPTO_set_mem_functions), each in turn;
 * or sends and receives that move only a part, or nothing. Nothing may crash, hang or be left behind, and
 * without a failed allocation all bytes arrive.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>

#include "failing_allocation.h"
#include "loop/reserve.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "net/stream_output.h"
#include "tls/ssl_server.h"
#include "tls/ssl_socket.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define BYTES 150000
#define SECONDS 20
/* OpenSSL allocates thousands of times. A prime, so that each place is met sooner or later. */
#define STRIDE 13

static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBXjCCARCgAwIBAgIBETAFBgMrZXAwFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcw\n"
                                  "IBcNMjYxMTMwMDgzMjU0WhgPMjEyNjExMDYwODMyNTRaMBYxFDASBgNVBAMMC2V4\n"
                                  "YW1wbGUub3JnMCowBQYDK2VwAyEAJeHIneaWdQO65zuzw3J2E6tAu5S3IYlsyczj\n"
                                  "C8S9D4ijgYAwfjAdBgNVHQ4EFgQUOOCk6a3vuyuzjiO6bpJWC475z10wHwYDVR0j\n"
                                  "BBgwFoAUOOCk6a3vuyuzjiO6bpJWC475z10wDwYDVR0TAQH/BAUwAwEB/zArBgNV\n"
                                  "HREEJDAiggtleGFtcGxlLm9yZ4INKi5leGFtcGxlLm9yZ4cEfwAAATAFBgMrZXAD\n"
                                  "QQB+qGV9DjsiHy95aOr0eaK7wokR+sEInX1Vbu+OT6JQ/jml1UEukfNy6QQo60R3\n"
                                  "SwClRUKvbP0KYNLuypdni3YO\n"
                                  "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIOGh7ZZJl871VASi7hZQ1pULku4UNcGLn3HsaUOIpuOf\n"
                          "-----END PRIVATE KEY-----\n";

/* --- what fails ----------------------------------------------------------------------------------------- */

static unsigned trickle;         /* sends and receives move so many bytes, */
static unsigned sends, receives; /* and each second one nothing */

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);

static bool holds_back(size_t *size, unsigned *calls) {
    if (trickle == 0)
        return false;
    if (*size > trickle)
        *size = trickle;
    return ++*calls % 2 == 0;
}

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags) {
    errno = EAGAIN;
    return holds_back(&size, &receives) ? -1 : __real_recv(fd, data, size, flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags) {
    errno = EAGAIN;
    return holds_back(&size, &sends) ? -1 : __real_send(fd, data, size, flags);
}

static void *allocate_for_tls(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return fails(&host_failure) ? NULL : __real_malloc(size);
}

static void *reallocate_for_tls(void *old, size_t size, const char *file, int line) {
    (void)file, (void)line;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return fails(&host_failure) ? NULL : __real_realloc(old, size);
}

static void free_for_tls(void *old, const char *file, int line) {
    (void)file, (void)line;
    free(old);
}

/* --- the two ends --------------------------------------------------------------------------------------- */

static mp_network *network;
static mp_ssl_server server;
static mp_ssl_socket client, *accepted;
static size_t echoed;
static unsigned encrypted, errors, disconnected;

static void emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    if (signal == MP_SIGNAL_NEW_CONNECTION)
        (void)mp_listener_take(server.tcp.listener);
    if (object != &client.tcp.stream.object)
        return;
    encrypted += signal == MP_SIGNAL_ENCRYPTED;
    errors += signal == MP_SIGNAL_ERROR_OCCURRED;
    disconnected += signal == MP_SIGNAL_DISCONNECTED;
}

static void release(mp_object *object) {
    object->anchor = 0;
}

static void answer(mp_stream *stream, const char *data, size_t size) {
    if (mp_stream_write(stream, data, size, MP_COPY) != MP_FAULT_NONE)
        mp_stream_abort(stream);
}

static void arrived(mp_network *of) {
    mp_stream *stream;
    while ((stream = mp_stream_next_arrival(of))) {
        size_t size;
        const char *data = mp_stream_peek(stream, &size);
        if (stream != &client.tcp.stream)
            answer(stream, data, size);
        else if ((echoed += size) == BYTES)
            mp_stream_disconnect(stream);
        mp_stream_consume(stream, size);
    }
}

static mp_stream *accept_one(mp_tcp_server *of) {
    mp_stream *stream;
    assert_ptr_equal(of, &server.tcp);
    assert_null(accepted);
    accepted = __real_calloc(1, sizeof *accepted);
    mp_ssl_socket_init(accepted, network);
    stream = &accepted->tcp.stream;
    mp_object_hold(&stream->object, 2);
    return stream;
}

static void unpin(void *owner, int token) {
    (void)owner, (void)token;
}

static bool has_handler(mp_object *object, enum mp_signal signal) {
    (void)object, (void)signal;
    return false;
}

static void flushed(mp_network *of) {
    (void)of;
}

static const mp_upcalls upcalls = {emit, release};
static const mp_network_upcalls network_upcalls = {
    .arrived = arrived, .accept = accept_one, .unpin = unpin, .has_handler = has_handler, .flushed = flushed};

static mp_tls_configuration *configure(bool serves, int version) {
    mp_tls_options options;
    mp_tls_message message;
    mp_tls_default_options(&options);
    options.texts[serves ? MP_TLS_CERTIFICATE : MP_TLS_CA_CERTIFICATES] = certificate;
    options.texts[MP_TLS_KEY] = serves ? key : NULL;
    options.maximum_version = version;
    mp_tls_configuration *configuration = mp_tls_configuration_new(network, &options, &message);
    assert_non_null(configuration);
    return configuration;
}

static void begin(int version) {
    mp_address local;
    accepted = NULL;
    echoed = encrypted = errors = disconnected = 0;
    assert_int_equal(mp_network_new(&upcalls, &network_upcalls, NULL, &network), 0);
    mp_loop_ref(&network->loop);
    network->loop.wanted = UINT64_MAX;
    network->loop.log_level = MP_LOG_NONE;
    assert_int_equal(mp_ssl_server_init(&server, network), 0);
    mp_object_hold(&server.tcp.object, 1);
    mp_tls_configuration *of_server = configure(true, version), *of_client = configure(false, version);
    mp_ssl_server_set_configuration(&server, of_server);
    assert_int_equal(mp_address_parse(&local, "127.0.0.1", 9), 0);
    assert_int_equal(mp_tcp_server_listen(&server.tcp, &local, 0), MP_FAULT_NONE);
    mp_ssl_socket_init(&client, network);
    mp_object_hold(&client.tcp.stream.object, 3);
    assert_int_equal(mp_ssl_socket_set_configuration(&client, of_client), 0);
    assert_int_equal(mp_ssl_socket_set_verify_name(&client, "example.org"), 0);
    mp_tls_configuration_unreference(of_server);
    mp_tls_configuration_unreference(of_client);
}

static void end(void) {
    mp_stream_destroy(&client.tcp.stream);
    mp_ssl_server_destroy(&server);
    if (accepted)
        mp_stream_destroy(&accepted->tcp.stream);
    free(accepted);
    assert_int_equal(network->loop.objects, 0);
    assert_int_equal(network->traffic.connections, 0);
    mp_network_free(network);
}

static bool is_over(const mp_ssl_socket *one) {
    return !one || (one->tcp.stream.state == MP_STATE_UNCONNECTED && one->tcp.stream.object.queued == 0);
}

static void on_guard(struct ev_loop *ev, ev_timer *timer, int revents) {
    (void)ev, (void)timer, (void)revents;
}

/* Connects, echoes and closes. Fails if that doesn't end. */
static void converse(void) {
    static char data[BYTES];
    mp_tls_message message;
    struct ev_loop *ev = network->loop.ev;
    ev_timer guard;
    ev_timer_init(&guard, on_guard, 0.05, 0.05);
    ev_timer_start(ev, &guard);
    ev_tstamp last = ev_time() + SECONDS;
    host_failure.armed = true;
    if (mp_ssl_socket_connect(&client, "127.0.0.1", server.tcp.listener->port, MP_READ_WRITE, MP_PROTOCOL_ANY,
                              &message) == MP_FAULT_NONE &&
        mp_stream_write(&client.tcp.stream, data, sizeof data, MP_COPY) != MP_FAULT_NONE)
        mp_stream_disconnect(&client.tcp.stream);
    while (!is_over(&client) || !is_over(accepted) || server.tcp.listener->entering_count > 0) {
        mp_loop_settle(&network->loop);
        if (is_over(&client) && is_over(accepted))
            break;
        ev_run(ev, EVRUN_ONCE);
        if (ev_time() >= last)
            fail_msg("no end behind allocation %u: %zu bytes echoed", host_failure.from, echoed);
    }
    host_failure.armed = false;
    ev_timer_stop(ev, &guard);
}

/* --- the tests ------------------------------------------------------------------------------------------ */

static const int versions[] = {0x0303, 0x0304};

/* False if it made fewer allocations than would fail. */
static bool try_failure(int version, unsigned from, unsigned to) {
    begin(version);
    host_failure = (failure){.from = from, .to = to};
    converse();
    bool reached = host_failure.count >= from;
    assert_true(errors <= 1 && disconnected <= 1);
    if (!reached)
        assert_int_equal(echoed, BYTES);
    end();
    return reached;
}

TEST(one_allocation_fails) {
    for (int i = 0; i < 2; i++) {
        unsigned n = 1;
        while (try_failure(versions[i], n, n))
            n += n < 30 ? 1 : STRIDE;
        assert_true(n > 500);
    }
}

TEST(all_fail_from_then_on) {
    for (int i = 0; i < 2; i++) {
        unsigned n = 1;
        while (try_failure(versions[i], n, UINT_MAX))
            n += 5 * STRIDE;
    }
}

TEST(bytes_come_in_small_parts) {
    static const unsigned sizes[] = {1000, 100, 7};
    for (int i = 0; i < 6; i++) {
        begin(versions[i % 2]);
        host_failure = (failure){.from = UINT_MAX};
        trickle = sizes[i / 2];
        converse();
        trickle = 0;
        assert_int_equal(echoed, BYTES);
        assert_int_equal(encrypted, 1);
        assert_int_equal(errors, 0);
        assert_int_equal(disconnected, 1);
        end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_in_small_parts),
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(all_fail_from_then_on),
    };
    if (CRYPTO_set_mem_functions(allocate_for_tls, reallocate_for_tls, free_for_tls) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
