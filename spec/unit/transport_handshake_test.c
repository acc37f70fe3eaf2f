/*
 * Handshakes and suspensions: what may move during them, and how a connection ends meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <netinet/in.h>
#include <stdio.h>

static const mp_carrier *carrier(void) {
    return &stream_of(ours)->extras->carrier;
}

/* Connects `ours` to a listener of the test, which accepts the peer's end. */
static void connect_to_peer(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", ntohs(address.sin_port), MP_READ_WRITE,
                                           MP_PROTOCOL_ANY),
                     0);
    UNTIL(peer.fd >= 0 || (peer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    close(listener);
}

TEST(nothing_moves_before_the_handshake_is_done) {
    assert_int_equal(set_transport(ours), 0);
    write_pattern(1000);
    assert_false(mp_stream_flush(stream_of(ours)));
    for (int i = 0; i < 20; i++) {
        turn();
        peer_turn();
    }
    assert_string_equal(peer.records, "H");
    assert_int_equal(ours->written, 0);
    assert_int_equal(mp_stream_unsent(stream_of(ours)), 1000);
    assert_rests();
    peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(peer.data.size == 1000);
    assert_pattern(&peer.data, 1000);
    assert_int_equal(ours->written, 1000);
}

TEST(what_comes_with_the_end_of_the_handshake_is_received) {
    assert_int_equal(set_transport(ours), 0);
    peer_put(RECORD_HELLO, NULL, 0);
    peer_put(RECORD_DATA, pattern(3000), 3000);
    UNTIL(ours->input.size == 3000);
    assert_pattern(&ours->input, 3000);
}

TEST(carries_from_the_first_byte_of_a_connect) {
    assert_int_equal(set_transport(ours), 0);
    connect_to_peer();
    write_pattern(500);
    UNTIL(strcmp(peer.records, "H") == 0);
    assert_int_equal(ours->written, 0);
    peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(peer.data.size == 500);
    assert_string_equal(peer.records, "HD");
    assert_string_equal(ours->signals, "lookup connecting connected ");
}

TEST(a_failing_connect_releases_it) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int nobody = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(nobody, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(nobody, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(set_transport(ours), 0);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", ntohs(address.sin_port), MP_READ_WRITE,
                                           MP_PROTOCOL_ANY),
                     0);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    assert_int_equal(ours->record.released, 1);
    assert_null(mp_stream_transport(stream_of(ours)));
    close(nobody);
}

TEST(a_connect_that_is_given_up_releases_it) {
    assert_int_equal(set_transport(ours), 0);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", 9, MP_READ_WRITE, MP_PROTOCOL_IPV6),
                     MP_FAULT_HOST_NOT_FOUND);
    assert_int_equal(ours->record.released, 1);
    assert_int_equal(set_transport(ours), 0);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", 9, MP_READ_WRITE, MP_PROTOCOL_ANY), 0);
    mp_tcp_socket_connect_timed_out(&ours->socket);
    assert_int_equal(ours->record.released, 2);
    assert_int_equal(set_transport(ours), 0);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", 9, MP_READ_WRITE, MP_PROTOCOL_ANY), 0);
    mp_stream_abort(stream_of(ours));
    assert_int_equal(ours->record.released, 3);
    turns(3);
}

/* Otherwise it would carry the next connection, for which nobody requested it. */
TEST(a_stream_that_is_closed_before_it_connects_releases_it) {
    assert_int_equal(set_transport(ours), 0);
    mp_stream_abort(stream_of(ours));
    assert_int_equal(ours->record.released, 1);
    mp_stream_open(stream_of(ours), MP_READ_WRITE);
    assert_int_equal(set_transport(ours), 0);
    mp_stream_close(stream_of(ours));
    assert_int_equal(ours->record.released, 2);
    turns(3);
}

/* A descriptor without a connection reports a hang-up all the time. */
TEST(a_bound_socket_waits_with_its_handshake) {
    mp_address address;
    mp_address_parse(&address, "127.0.0.1", 9);
    assert_int_equal(mp_tcp_socket_bind(&ours->socket, &address, 0, MP_BIND_DEFAULT), 0);
    assert_int_equal(set_transport(ours), 0);
    turns(5);
    assert_true(is_armed(ours, 0));
    assert_int_equal(ours->record.calls, 0);
    connect_to_peer();
    UNTIL(strcmp(peer.records, "H") == 0);
    peer_put(RECORD_HELLO, NULL, 0);
    write_pattern(10);
    UNTIL(peer.data.size == 10);
}

TEST(suspension_holds_the_handshake) {
    ours->record.suspensions = 2;
    assert_int_equal(set_transport(ours), 0);
    write_pattern(100);
    peer_put(RECORD_HELLO, NULL, 0);
    for (int i = 1; i <= 2; i++) {
        UNTIL(ours->record.suspended == i && carrier()->suspended);
        assert_true(is_armed(ours, 0));
        peer_put(RECORD_DATA, "more", 4);
        assert_rests();
        assert_int_equal(ours->input.size, 0);
        assert_int_equal(peer.data.size, 0);
        mp_stream_end_suspension(stream_of(ours));
        mp_stream_end_suspension(stream_of(ours));
    }
    UNTIL(peer.data.size == 100 && ours->input.size == 8);
}

TEST(suspends_later_as_well) {
    shake_hands();
    ours->record.suspends = true;
    peer_put(RECORD_DATA, "late", 4);
    UNTIL(carrier()->suspended);
    write_pattern(100);
    assert_false(mp_stream_flush(stream_of(ours)));
    assert_rests();
    assert_true(is_armed(ours, 0));
    ours->record.suspends = false;
    mp_stream_end_suspension(stream_of(ours));
    UNTIL(peer.data.size == 100 && ours->input.size == 4);
}

/* The goodbye was suspended before it had begun, and then nobody continued the close. */
TEST(a_close_in_a_suspension_goes_on_when_it_is_over) {
    shake_hands();
    ours->record.suspends = true;
    peer_put(RECORD_DATA, "late", 4);
    UNTIL(carrier()->suspended);
    mp_stream_disconnect(stream_of(ours));
    assert_rests();
    assert_int_equal(stream_of(ours)->state, MP_STATE_CLOSING);
    ours->record.suspends = false;
    mp_stream_end_suspension(stream_of(ours));
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED && peer.ended);
    assert_string_equal(peer.records, "HG");
}

TEST(a_goodbye_is_suspended) {
    shake_hands();
    ours->record.suspends = true;
    mp_stream_disconnect(stream_of(ours));
    assert_rests();
    assert_int_equal(stream_of(ours)->state, MP_STATE_CLOSING);
    ours->record.suspends = false;
    mp_stream_end_suspension(stream_of(ours));
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED && peer.ended);
    assert_string_equal(peer.records, "HG");
}

/* Each way to end it, during the handshake (row 0) and the suspension (row 1). */
static void begin_handshake(int row) {
    ours->record.suspensions = row;
    assert_int_equal(set_transport(ours), 0);
    if (row == 1)
        peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(strcmp(peer.records, "H") == 0 && (row == 0 || carrier()->suspended));
}

static void closes(int row) {
    begin_handshake(row);
    mp_stream_close(stream_of(ours));
    assert_int_equal(ours->record.released, 1);
    UNTIL(peer.ended);
    assert_string_equal(ours->signals, "closing unconnected finished disconnected ");
    assert_string_equal(peer.records, "H");
}

static void aborts(int row) {
    begin_handshake(row);
    write_pattern(10);
    mp_stream_abort(stream_of(ours));
    assert_int_equal(ours->record.released, 1);
    UNTIL(peer.ended);
    assert_string_equal(ours->signals, "unconnected finished disconnected ");
    assert_string_equal(peer.records, "H");
}

static void times_out(int row) {
    begin_handshake(row);
    write_pattern(10);
    mp_limits *limits = mp_stream_own_limits(stream_of(ours));
    limits->idle_timeout = 5000;
    assert_int_equal(mp_stream_apply_limits(stream_of(ours)), 0);
    skew += 10;
    UNTIL(ours->record.released == 1);
    UNTIL(peer.ended);
    char expected[100];
    snprintf(expected, sizeof expected, "error:%d closing unconnected finished disconnected ",
             MP_FAULT_IDLE_TIMEOUT);
    assert_string_equal(ours->signals, expected);
    assert_string_equal(peer.records, "H");
}

static void is_destroyed(int row) {
    begin_handshake(row);
    write_pattern(10);
    mp_stream_destroy(stream_of(ours));
    assert_int_equal(ours->record.released, 1);
    mp_tcp_socket_init(&ours->socket, network); /* for tear_down */
    turns(3);
}

TEST(closes_in_a_handshake) {
    closes(0);
}

TEST(closes_in_a_suspension) {
    closes(1);
}

TEST(aborts_in_a_handshake) {
    aborts(0);
}

TEST(aborts_in_a_suspension) {
    aborts(1);
}

TEST(times_out_in_a_handshake) {
    times_out(0);
}

TEST(times_out_in_a_suspension) {
    times_out(1);
}

TEST(is_destroyed_in_a_handshake) {
    is_destroyed(0);
}

TEST(is_destroyed_in_a_suspension) {
    is_destroyed(1);
}

TEST(disconnecting_sends_first_what_is_queued) {
    begin_handshake(0);
    write_pattern(2000);
    mp_stream_disconnect(stream_of(ours));
    assert_rests();
    assert_int_equal(stream_of(ours)->state, MP_STATE_CLOSING);
    peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED && peer.ended);
    assert_string_equal(peer.records, "HDG");
    assert_pattern(&peer.data, 2000);
    assert_int_equal(ours->written, 2000);
}

/* With nothing queued, the descriptor's side was shut in the middle of the handshake. */
TEST(closing_the_write_channel_waits_for_the_handshake) {
    begin_handshake(0);
    assert_int_equal(mp_stream_close_write_channel(stream_of(ours)), 0);
    for (int i = 0; i < 5; i++) {
        turn();
        peer_turn();
    }
    assert_false(peer.ended);
    peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HG");
    peer_put(RECORD_DATA, "answer", 6);
    UNTIL(ours->input.size == 6);
}

static void assert_fails(enum mp_fault fault, const char *text) {
    char expected[100];
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    turns(3);
    snprintf(expected, sizeof expected, "error:%d closing unconnected finished disconnected ", fault);
    assert_string_equal(ours->signals, expected);
    assert_string_equal(mp_stream_fault_text(stream_of(ours)), text);
}

TEST(a_peer_that_goes_fails_the_handshake) {
    begin_handshake(0);
    write_pattern(10);
    close(peer.fd);
    peer.fd = -1;
    assert_fails(RECORD_TRUNCATED, RECORD_TRUNCATED_TEXT);
}

TEST(a_broken_record_fails_the_handshake) {
    begin_handshake(0);
    write_pattern(10);
    mp_stream_disconnect(stream_of(ours));
    peer_put_raw("!!!", 3);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    turns(3);
    assert_string_equal(mp_stream_fault_text(stream_of(ours)), RECORD_BROKEN_TEXT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(nothing_moves_before_the_handshake_is_done),
        ROW(what_comes_with_the_end_of_the_handshake_is_received),
        BARE_ROW(carries_from_the_first_byte_of_a_connect),
        BARE_ROW(a_failing_connect_releases_it),
        BARE_ROW(a_connect_that_is_given_up_releases_it),
        BARE_ROW(a_stream_that_is_closed_before_it_connects_releases_it),
        BARE_ROW(a_bound_socket_waits_with_its_handshake),
        ROW(suspension_holds_the_handshake),
        ROW(suspends_later_as_well),
        ROW(a_close_in_a_suspension_goes_on_when_it_is_over),
        ROW(a_goodbye_is_suspended),
        ROW(closes_in_a_handshake),
        ROW(closes_in_a_suspension),
        ROW(aborts_in_a_handshake),
        ROW(aborts_in_a_suspension),
        ROW(times_out_in_a_handshake),
        ROW(times_out_in_a_suspension),
        ROW(is_destroyed_in_a_handshake),
        ROW(is_destroyed_in_a_suspension),
        ROW(disconnecting_sends_first_what_is_queued),
        ROW(closing_the_write_channel_waits_for_the_handshake),
        ROW(a_peer_that_goes_fails_the_handshake),
        ROW(a_broken_record_fails_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
