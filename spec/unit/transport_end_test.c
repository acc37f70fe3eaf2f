/*
 * How a connection with a transport ends: goodbyes, truncation, faults and their texts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

static mp_stream *stream(void) {
    return stream_of(ours);
}

static const char *error_then(enum mp_fault fault, const char *rest) {
    static char expected[200];
    snprintf(expected, sizeof expected, "error:%d %s", fault, rest);
    return expected;
}

#define CLOSED "closing unconnected finished disconnected "

static void until_closed(const char *expected) {
    UNTIL(stream()->state == MP_STATE_UNCONNECTED);
    turns(3);
    assert_string_equal(ours->signals, expected);
    assert_int_equal(ours->record.released, 1);
}

static void allow_half_open(void) {
    mp_stream_own_limits(stream())->half_open = true;
    assert_int_equal(mp_stream_apply_limits(stream()), 0);
}

/* --- goodbyes ------------------------------------------------------------------------------------------- */

TEST(says_goodbye_behind_all_that_is_queued) {
    shake_hands();
    narrow(stream()->watcher.fd);
    peer.deaf = true;
    ours->record.goodbyes_again = 2;
    write_pattern(300000);
    mp_stream_disconnect(stream());
    turns(5);
    assert_int_equal(stream()->state, MP_STATE_CLOSING);
    peer.deaf = false;
    until_closed(CLOSED);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HDG");
    assert_pattern(&peer.data, 300000);
    assert_int_equal(ours->written, 300000);
}

TEST(says_goodbye_at_once_when_nothing_is_queued) {
    shake_hands();
    mp_stream_close(stream());
    assert_int_equal(stream()->state, MP_STATE_UNCONNECTED); /* without a wait for the peer's */
    until_closed(CLOSED);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HG");
}

/* The goodbye must wait for room. Later writes once came after it. */
TEST(takes_nothing_more_behind_the_goodbye) {
    shake_hands();
    narrow(stream()->watcher.fd);
    narrow(peer.fd);
    while (send(stream()->watcher.fd, "T\0\0", 3, MSG_NOSIGNAL | MSG_DONTWAIT) == 3)
        continue;
    mp_stream_disconnect(stream());
    assert_int_equal(stream()->state, MP_STATE_CLOSING);
    assert_int_equal(mp_stream_write(stream(), "more", 4, MP_COPY), MP_FAULT_NOT_CONNECTED);
    assert_rests();
    assert_true(is_armed(ours, EV_WRITE));
    until_closed(CLOSED);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HTG");
    assert_int_equal(ours->written, 0);
}

TEST(says_goodbye_after_the_peers) {
    shake_hands();
    peer_put(RECORD_DATA, "bye", 3);
    peer_put(RECORD_GOODBYE, NULL, 0);
    until_closed(error_then(MP_FAULT_REMOTE_CLOSED, CLOSED));
    assert_int_equal(ours->input.size, 3);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HG");
}

TEST(says_goodbye_after_the_peers_behind_what_is_queued) {
    shake_hands();
    narrow(stream()->watcher.fd);
    peer.deaf = true;
    write_pattern(300000);
    peer_put(RECORD_GOODBYE, NULL, 0);
    turns(5);
    assert_int_equal(stream()->state, MP_STATE_CLOSING);
    peer.deaf = false;
    until_closed(error_then(MP_FAULT_REMOTE_CLOSED, CLOSED));
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HDG");
    assert_pattern(&peer.data, 300000);
}

TEST(says_goodbye_when_it_closes_the_write_channel) {
    shake_hands();
    ours->record.goodbyes_again = 1;
    write_pattern(1000);
    assert_int_equal(mp_stream_close_write_channel(stream()), 0);
    assert_int_equal(mp_stream_can_write(stream(), 1), MP_FAULT_WRITE_CHANNEL_CLOSED);
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HDG");
    assert_rests();
    peer_put(RECORD_DATA, pattern(5000), 5000);
    UNTIL(ours->input.size == 5000);
    peer_put(RECORD_GOODBYE, NULL, 0);
    until_closed(error_then(MP_FAULT_REMOTE_CLOSED, CLOSED));
    peer_turn();
    assert_string_equal(peer.records, "HDG"); /* once */
}

/* What a transport received meanwhile is read after the goodbye. */
TEST(reads_on_while_it_says_goodbye) {
    shake_hands();
    ours->record.goodbyes_again = 3;
    peer_put(RECORD_DATA, pattern(5000), 5000);
    assert_int_equal(mp_stream_close_write_channel(stream()), 0);
    UNTIL(ours->input.size == 5000 && peer.ended);
}

TEST(the_peers_goodbye_leaves_the_other_side_open) {
    shake_hands();
    allow_half_open();
    peer_put(RECORD_DATA, "bye", 3);
    peer_put(RECORD_GOODBYE, NULL, 0);
    UNTIL(strstr(ours->signals, "finished "));
    turns(5);
    assert_string_equal(ours->signals, "finished ");
    assert_int_equal(stream()->state, MP_STATE_CONNECTED);
    assert_int_equal(ours->input.size, 3);
    assert_rests();
    write_pattern(10000);
    UNTIL(peer.data.size == 10000);
    mp_stream_disconnect(stream());
    until_closed("finished closing unconnected disconnected ");
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HDG");
}

TEST(says_no_goodbye_at_abort) {
    shake_hands();
    write_pattern(10);
    mp_stream_abort(stream());
    until_closed("unconnected finished disconnected ");
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "H");
}

TEST(says_no_goodbye_when_it_is_destroyed) {
    shake_hands();
    mp_stream_destroy(stream());
    mp_tcp_socket_init(&ours->socket, network); /* for tear_down */
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "H");
}

TEST(says_no_goodbye_after_a_failure) {
    shake_hands();
    mp_stream_fail(stream(), MP_FAULT_IDLE_TIMEOUT);
    until_closed(error_then(MP_FAULT_IDLE_TIMEOUT, CLOSED));
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "H");
}

/* The peer has sent bytes that nobody will read. If the connection were closed at once, the system would
   reset it, and the goodbye might never arrive, although nothing else was sent. */
TEST(lingers_for_its_goodbye) {
    shake_hands();
    peer_put(RECORD_DATA, pattern(1000), 1000);
    mp_stream_disconnect(stream());
    assert_int_equal(stream()->state, MP_STATE_UNCONNECTED);
    assert_non_null(network->lingering);
    for (int i = 0; i < 5; i++) {
        peer_put(RECORD_DATA, pattern(1000), 1000);
        turn();
    }
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HG");
    assert_false(peer.reset);
    close(peer.fd);
    peer.fd = -1;
    UNTIL(!network->lingering);
}

TEST(lingers_for_its_goodbye_after_the_peers) {
    shake_hands();
    peer_put(RECORD_GOODBYE, NULL, 0);
    peer_put(RECORD_DATA, pattern(1000), 1000);
    until_closed(error_then(MP_FAULT_REMOTE_CLOSED, CLOSED));
    for (int i = 0; i < 5; i++) {
        peer_put(RECORD_DATA, pattern(1000), 1000);
        turn();
    }
    UNTIL(peer.ended);
    assert_string_equal(peer.records, "HG");
    assert_false(peer.reset);
    close(peer.fd);
    peer.fd = -1;
    UNTIL(!network->lingering);
}

/* --- faults --------------------------------------------------------------------------------------------- */

static void end_peer(void) {
    close(peer.fd);
    peer.fd = -1;
}

TEST(truncation_is_a_broken_end) {
    shake_hands();
    allow_half_open();
    ours->leaves = true;
    peer_put(RECORD_DATA, "what came", 9);
    peer_put_raw("D\0\5x", 4);
    end_peer();
    until_closed(error_then(RECORD_TRUNCATED, CLOSED));
    assert_string_equal(mp_stream_fault_text(stream()), RECORD_TRUNCATED_TEXT);
    assert_int_equal(mp_stream_end_fault(stream()), RECORD_TRUNCATED);
    read_all(ours);
    assert_int_equal(ours->input.size, 9);
    assert_memory_equal(ours->input.data, "what came", 9);
}

TEST(truncation_drops_what_is_queued) {
    shake_hands();
    narrow(stream()->watcher.fd);
    peer.deaf = true;
    write_pattern(300000);
    turns(3);
    shutdown(peer.fd, SHUT_WR);
    until_closed(error_then(RECORD_TRUNCATED, CLOSED));
    assert_int_equal(mp_stream_unsent(stream()), 0);
}

TEST(a_broken_record_fails) {
    shake_hands();
    ours->leaves = true;
    peer_put(RECORD_DATA, "good", 4);
    peer_put_raw("!", 1);
    peer_put_raw("!!!!!!", 6);
    until_closed(error_then(RECORD_BROKEN, CLOSED));
    assert_string_equal(mp_stream_fault_text(stream()), RECORD_BROKEN_TEXT);
    read_all(ours);
    assert_int_equal(ours->input.size, 4);
    UNTIL(peer.ended || peer.reset);
    assert_null(strchr(peer.records, 'G'));
}

/* The text belonged to another connection. */
TEST(the_words_go_with_the_next_connection) {
    int ends[2];
    shake_hands();
    peer_put_raw("!!!", 3);
    until_closed(error_then(RECORD_BROKEN, CLOSED));
    mp_stream_close(stream());
    turns(3);
    assert_string_equal(mp_stream_fault_text(stream()), RECORD_BROKEN_TEXT);
    assert_int_equal(mp_tcp_socket_connect(&ours->socket, "127.0.0.1", 9, MP_READ_WRITE, MP_PROTOCOL_ANY), 0);
    assert_string_equal(mp_stream_fault_text(stream()), mp_fault_text(MP_FAULT_NONE));
    mp_stream_abort(stream());
    turns(3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(mp_tcp_socket_set_descriptor(&ours->socket, ends[0], MP_STATE_CONNECTED, MP_READ_WRITE),
                     0);
    mp_stream_fail(stream(), RECORD_BROKEN);
    UNTIL(stream()->state == MP_STATE_UNCONNECTED);
    assert_string_equal(mp_stream_fault_text(stream()), mp_fault_text(RECORD_BROKEN));
    close(ends[1]);
}

TEST(a_reset_is_told_as_one) {
    const struct linger now = {.l_onoff = 1};
    shake_hands();
    setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    end_peer();
    until_closed(error_then(mp_fault_from_errno(MP_ATTEMPT_READ, ECONNRESET), CLOSED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(says_goodbye_behind_all_that_is_queued),
        ROW(says_goodbye_at_once_when_nothing_is_queued),
        ROW(takes_nothing_more_behind_the_goodbye),
        ROW(says_goodbye_after_the_peers),
        ROW(says_goodbye_after_the_peers_behind_what_is_queued),
        ROW(says_goodbye_when_it_closes_the_write_channel),
        ROW(reads_on_while_it_says_goodbye),
        ROW(the_peers_goodbye_leaves_the_other_side_open),
        ROW(says_no_goodbye_at_abort),
        ROW(says_no_goodbye_when_it_is_destroyed),
        ROW(says_no_goodbye_after_a_failure),
        TCP_ROW(lingers_for_its_goodbye),
        TCP_ROW(lingers_for_its_goodbye_after_the_peers),
        ROW(truncation_is_a_broken_end),
        ROW(truncation_drops_what_is_queued),
        ROW(a_broken_record_fails),
        ROW(the_words_go_with_the_next_connection),
        TCP_ROW(a_reset_is_told_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
