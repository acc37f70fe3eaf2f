/*
 * Datagrams, and queues of them: compared with a list after the same operations, and with failing allocations
 * (the linker's --wrap).
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "data/datagram.h"
#include "failing_allocation.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define MOST 65527

static char bytes[2 * MOST];

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761u >> 11);
    host_failure = (failure){0};
    return 0;
}

/* The n-th datagram: its size and bytes follow from its number. */
static uint32_t size_of(unsigned n) {
    return n % 97 == 0 ? MOST : n % 7 == 0 ? 0 : n * 2654435761u >> 22;
}

static int append(mp_datagram_queue *queue, unsigned n) {
    mp_datagram_head head;
    mp_datagram_head_init(&head);
    head.size = head.whole = size_of(n);
    head.interface = n;
    return mp_datagram_queue_append(queue, &head, bytes + n % MOST);
}

static void expect(const mp_datagram *datagram, unsigned n) {
    assert_int_equal(datagram->head->interface, n);
    assert_int_equal(datagram->head->size, size_of(n));
    assert_int_equal((uintptr_t)datagram->head % _Alignof(mp_datagram_head), 0);
    assert_memory_equal(datagram->data, bytes + n % MOST, size_of(n));
}

TEST(a_new_head_knows_nothing) {
    mp_datagram_head head;
    mp_address address;
    uint16_t port = 7;
    mp_datagram_head_init(&head);
    assert_int_equal(head.peer.any.sa_family, AF_UNSPEC);
    assert_int_equal(head.hop_limit, -1);
    assert_int_equal(head.service, -1);
    assert_true(mp_address_is_null(&head.local));
    mp_datagram_peer(&head, &address, &port);
    assert_true(mp_address_is_null(&address));
    assert_int_equal(port, 0);
}

TEST(peers_of_a_dual_socket_are_ipv4_where_they_are) {
    mp_datagram_head head;
    mp_address address, back;
    uint16_t port;
    uint32_t ipv4;
    mp_datagram_head_init(&head);
    mp_address_set_ipv4(&address, 0xC0000207);
    assert_int_equal(mp_socket_address_set(&head.peer, &address, 5353, true), 0);
    assert_int_equal(head.peer.v6.sin6_family, AF_INET6);
    assert_true(IN6_IS_ADDR_V4MAPPED(&head.peer.v6.sin6_addr));
    assert_int_equal(mp_socket_address_size(&head.peer), sizeof(struct sockaddr_in6));
    mp_datagram_peer(&head, &back, &port);
    assert_int_equal(back.protocol, MP_PROTOCOL_IPV4);
    assert_int_equal(mp_address_to_ipv4(&back, &ipv4), 0);
    assert_int_equal(ipv4, 0xC0000207);
    assert_int_equal(port, 5353);
}

TEST(a_socket_of_ipv4_has_no_form_for_ipv6) {
    mp_socket_address out;
    mp_address address;
    assert_int_equal(mp_address_parse(&address, "2001:db8::1", 11), 0);
    assert_int_equal(mp_socket_address_set(&out, &address, 1, false), -EAFNOSUPPORT);
    assert_int_equal(mp_socket_address_set(&out, &address, 1, true), 0);
    mp_address_set_ipv4(&address, 0x7F000001);
    assert_int_equal(mp_socket_address_set(&out, &address, 80, false), 0);
    assert_int_equal(out.v4.sin_port, htons(80));
    assert_int_equal(mp_socket_address_size(&out), sizeof(struct sockaddr_in));
}

TEST(a_queue_keeps_order_sizes_and_bytes) {
    mp_datagram_queue queue = {0};
    mp_datagram some[8];
    unsigned in = 0, out = 0;
    size_t payload = 0, room = 0;
    for (unsigned step = 0; step < 6000; step++) {
        bool grows = step % 500 < 300;
        if (grows || in == out) {
            assert_int_equal(append(&queue, in), 0);
            payload += size_of(in);
            room += mp_datagram_room(size_of(in++));
        } else {
            payload -= size_of(out);
            room -= mp_datagram_room(size_of(out++));
            mp_datagram_queue_drop(&queue);
        }
        assert_int_equal(queue.count, in - out);
        assert_int_equal(queue.payload, payload);
        assert_int_equal(queue.bytes, room);
        int seen = mp_datagram_queue_look(&queue, some, 8);
        assert_int_equal(seen, in - out < 8 ? in - out : 8);
        for (int i = 0; i < seen; i++)
            expect(&some[i], out + (unsigned)i);
    }
    mp_datagram_queue_clear(&queue);
    assert_null(queue.memory);
    assert_int_equal(queue.count, 0);
}

TEST(a_queue_that_stays_short_stays_small) {
    mp_datagram_queue queue = {0};
    for (unsigned n = 1; n < 97; n++)
        assert_int_equal(append(&queue, n), 0);
    size_t capacity = queue.capacity;
    for (unsigned n = 98; n < 20000; n++) {
        if (n % 97 == 0)
            continue;
        mp_datagram_queue_drop(&queue);
        assert_int_equal(append(&queue, n), 0);
    }
    assert_true(queue.capacity <= 2 * capacity);
    mp_datagram_queue_clear(&queue);
}

TEST(trimming_frees_only_what_is_empty_and_was_long) {
    mp_datagram_queue queue = {0};
    assert_int_equal(append(&queue, 1), 0);
    mp_datagram_queue_drop(&queue);
    mp_datagram_queue_trim(&queue);
    assert_non_null(queue.memory);
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(append(&queue, n * 97), 0);
    mp_datagram_queue_drop(&queue);
    mp_datagram_queue_trim(&queue);
    assert_int_equal(queue.count, 1);
    mp_datagram_queue_drop(&queue);
    mp_datagram_queue_trim(&queue);
    assert_null(queue.memory);
    mp_datagram_queue_clear(&queue);
}

TEST(without_memory_a_queue_stays_as_it_is) {
    mp_datagram_queue queue = {0};
    mp_datagram first;
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    assert_int_equal(append(&queue, 1), -ENOMEM);
    assert_int_equal(queue.count, 0);
    host_failure.armed = false;
    assert_int_equal(append(&queue, 1), 0);
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    assert_int_equal(append(&queue, 97), -ENOMEM);
    host_failure.armed = false;
    assert_int_equal(queue.count, 1);
    assert_int_equal(mp_datagram_queue_look(&queue, &first, 1), 1);
    expect(&first, 1);
    assert_int_equal(append(&queue, 97), 0);
    mp_datagram_queue_clear(&queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_head_knows_nothing, set_up),
        cmocka_unit_test_setup(peers_of_a_dual_socket_are_ipv4_where_they_are, set_up),
        cmocka_unit_test_setup(a_socket_of_ipv4_has_no_form_for_ipv6, set_up),
        cmocka_unit_test_setup(a_queue_keeps_order_sizes_and_bytes, set_up),
        cmocka_unit_test_setup(a_queue_that_stays_short_stays_small, set_up),
        cmocka_unit_test_setup(trimming_frees_only_what_is_empty_and_was_long, set_up),
        cmocka_unit_test_setup(without_memory_a_queue_stays_as_it_is, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
