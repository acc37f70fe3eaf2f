/*
 * Any bytes as the answers of a name server: whole packets, or records behind a sound head and question. Each
 * look-up ends once and in time, with addresses of its family or with an error; what is kept is what was
 * answered. c-ares itself isn't the subject, but what is made of its results.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "resolver/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { HEAD = 12, PACKET = 512, MOST = 64, MOST_SECONDS = 15 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* --- time, which passes as soon as nothing happens ------------------------------------------------------ */

static long passed; /* milliseconds */

/* Overrides libc's, whose parameters have other names.
   NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_MONOTONIC) {
        now->tv_sec += passed / 1000;
        now->tv_nsec += passed % 1000 * 1000000;
        if (now->tv_nsec >= 1000000000) {
            now->tv_nsec -= 1000000000;
            now->tv_sec++;
        }
    }
    return result;
}

/* --- the name server ------------------------------------------------------------------------------------ */

static int server = -1;
static unsigned questions;
static const uint8_t *input, *input_end;

static uint8_t byte(void) {
    return input < input_end ? *input++ : 0;
}

static size_t take(uint8_t *to, size_t most) {
    size_t size = byte(), left = (size_t)(input_end - input);
    size = size < most ? size : most;
    size = size < left ? size : left;
    memcpy(to, input, size);
    input += size;
    return size;
}

/* A question that came becomes an answer: all but its id is the input's, or what follows the question. */
static size_t answer(uint8_t *packet, size_t question) {
    uint8_t how = byte();
    if (how % 4 == 0)
        return 2 + take(packet + 2, PACKET - 2);
    packet[2] = 0x81;
    packet[3] = (uint8_t)(0x80 | (how % 4 == 1 ? byte() & 15 : 0));
    packet[7] = input == input_end ? 0 : byte() % 8;     /* answers */
    packet[8] = packet[9] = packet[10] = packet[11] = 0; /* no others */
    return question + take(packet + question, PACKET - question);
}

/* True if there was a question. */
static bool serve(void) {
    uint8_t packet[PACKET];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t size = recvfrom(server, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (size < HEAD)
        return false;
    questions++;
    size_t whole = answer(packet, (size_t)size);
    (void)sendto(server, packet, whole, 0, (const struct sockaddr *)&from, length);
    return true;
}

static void open_server(char *text, size_t size) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof own;
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(server >= 0 && bind(server, (struct sockaddr *)&own, length) == 0);
    REQUIRE(getsockname(server, (struct sockaddr *)&own, &length) == 0);
    snprintf(text, size, "127.0.0.1:%u", ntohs(own.sin_port));
}

/* --- look-ups ------------------------------------------------------------------------------------------- */

typedef struct result {
    mp_lookup lookup;
    enum mp_protocol family;
    int ended, status, lifetime;
    size_t count;
    mp_address addresses[MOST];
} result;

static void on_done(mp_lookup *lookup, int status, const mp_address *addresses, size_t count) {
    result *it = (result *)lookup;
    REQUIRE(++it->ended == 1 && (status == 0) == (count > 0) && status <= 0);
    it->status = status;
    it->count = count < MOST ? count : MOST;
    it->lifetime = mp_lookup_lifetime(lookup);
    REQUIRE(it->lifetime >= 0);
    for (size_t i = 0; i < it->count; i++) {
        it->addresses[i] = addresses[i];
        REQUIRE(addresses[i].protocol == it->family);
    }
}

static void look_up(struct ev_loop *loop, mp_resolver *resolver, result results[2]) {
    memset(results, 0, 2 * sizeof *results);
    long began = passed;
    for (int i = 0; i < 2; i++) {
        results[i].family = i == 0 ? MP_PROTOCOL_IPV4 : MP_PROTOCOL_IPV6;
        REQUIRE(mp_resolver_lookup(resolver, &results[i].lookup, "a.test.", results[i].family, on_done) == 0);
    }
    while (!results[0].ended || !results[1].ended) {
        REQUIRE(passed - began < MOST_SECONDS * 1000L);
        ev_run(loop, EVRUN_NOWAIT);
        if (!serve())
            passed += 20;
        ev_now_update(loop);
    }
}

static bool same(const result *a, const result *b) {
    for (size_t i = 0; i < a->count && a->count == b->count; i++)
        if (!mp_address_equal(&a->addresses[i], &b->addresses[i]))
            return false;
    return a->status == b->status && a->count == b->count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ev_loop *loop;
    static char address[32];
    static result first[2], second[2];
    mp_resolver *resolver;
    if (!loop) {
        setenv("CARES_HOSTS", "/nonexistent/hosts", 1);
        loop = ev_loop_new(EVFLAG_AUTO);
        REQUIRE(loop);
        open_server(address, sizeof address);
    }
    input = data;
    input_end = data + size;
    REQUIRE(mp_resolver_new(loop, &resolver) == 0 && mp_resolver_set_servers(resolver, address) == 0);
    look_up(loop, resolver, first);
    questions = 0;
    look_up(loop, resolver, second);
    for (int i = 0; i < 2; i++)
        REQUIRE(questions > 0 || same(&first[i], &second[i]));
    REQUIRE(mp_resolver_pending(resolver) == 0);
    mp_resolver_free(resolver);
    while (serve()) /* what nobody waits for */
        ;
    return 0;
}
