/*
 * Sending by a transport: what it must be offered again, what it waits for, and what counts as sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <errno.h>
#include <stdio.h>

static mp_stream *stream(void) {
    return stream_of(ours);
}

/* A peer that reads nothing, and small buffers in the kernel. */
static void block(void) {
    shake_hands();
    narrow(stream()->watcher.fd);
    narrow(peer.fd);
    peer.deaf = true;
}

static void assert_kernel_full(void) {
    turns(5);
    assert_true(mp_stream_unsent(stream()) > 0);
    assert_rests();
    assert_true(is_armed(ours, EV_READ | EV_WRITE));
}

TEST(sends_what_is_queued_in_records) {
    shake_hands();
    ours->record.most = 1000;
    write_pattern(2500);
    write_pattern(700);
    UNTIL(peer.data.size == 3200);
    assert_pattern(&peer.data, 3200);
    assert_int_equal(peer.count, 4);
    assert_int_equal(ours->written, 3200);
    assert_int_equal(stream()->bytes_sent, 3200);
}

TEST(goes_on_when_there_is_room) {
    block();
    write_pattern(1 << 20);
    assert_kernel_full();
    peer.deaf = false;
    UNTIL(peer.data.size == 1 << 20);
    assert_pattern(&peer.data, 1 << 20);
    assert_int_equal(ours->written, 1 << 20);
    assert_true(is_armed(ours, EV_READ));
    assert_rests();
}

/* What the kernel hasn't taken counts as unsent, even if the transport has it (D18). */
TEST(counts_what_the_kernel_has_not_taken) {
    block();
    write_pattern(60000);
    assert_kernel_full();
    assert_int_equal(stream()->out.bytes, 0);
    assert_int_equal(mp_stream_unsent(stream()), 60000);
    assert_int_equal(ours->written, 0);
    assert_int_equal(stream()->bytes_sent, 0);
    mp_limits *limits = mp_stream_own_limits(stream());
    limits->write_buffer = 60005;
    limits->high_water_mark = 50000;
    assert_int_equal(mp_stream_apply_limits(stream()), 0);
    assert_true(is_armed(ours, EV_WRITE)); /* its own output is over the mark (D10) */
    assert_int_equal(mp_stream_can_write(stream(), 6), MP_FAULT_WRITE_BUFFER_FULL);
    assert_int_equal(mp_stream_can_write(stream(), 5), MP_FAULT_NONE);
    peer.deaf = false;
    UNTIL(peer.data.size == 60000 && ours->written == 60000);
    assert_int_equal(mp_stream_unsent(stream()), 0);
    assert_true(is_armed(ours, EV_READ));
}

/* A record is larger than its contents: unsent bytes once grew when the kernel took nothing. */
TEST(counts_no_more_than_was_written) {
    block();
    ours->record.most = 2000;
    while (send(stream()->watcher.fd, "T\0\0", 3, MSG_NOSIGNAL | MSG_DONTWAIT) == 3)
        continue;
    write_pattern(100);
    assert_false(mp_stream_flush(stream()));
    assert_int_equal(mp_stream_unsent(stream()), 100);
    turns(3);
    assert_int_equal(ours->written, 0);
    peer.deaf = false;
    UNTIL(peer.data.size == 100);
    assert_int_equal(ours->written, 100);
}

/* --- the same bytes again ------------------------------------------------------------------------------- */

static void assert_retried(size_t size) {
    assert_true(ours->record.offered.size > 0);
    peer.deaf = false;
    UNTIL(peer.data.size == size);
    assert_pattern(&peer.data, size);
    assert_true(ours->record.retried > 0);
    assert_false(ours->record.cheated);
}

TEST(offers_the_same_bytes_again) {
    block();
    ours->record.commits = true;
    write_pattern(60000);
    assert_kernel_full();
    assert_int_equal(stream()->out.bytes, 60000);
    write_pattern(5000);
    write_pattern(1);
    assert_kernel_full();
    assert_retried(65001);
    assert_int_equal(ours->written, 65001);
}

TEST(offers_the_same_bytes_again_after_open) {
    block();
    ours->record.commits = true;
    ours->record.most = 60000;
    write_pattern(60000);
    assert_kernel_full();
    write_pattern(20000);
    mp_stream_open(stream(), MP_READ_WRITE);
    assert_kernel_full();
    assert_int_equal(mp_stream_unsent(stream()), 60000);
    assert_retried(60000);
    assert_int_equal(ours->written, 60000);
}

TEST(offers_the_same_bytes_again_behind_a_short_cut) {
    block();
    ours->record.waits_for_tick = true;
    ours->record.most = 1000;
    write_pattern(3000);
    UNTIL(ours->record.offered.size == 2000);
    mp_stream_open(stream(), MP_READ_WRITE);
    assert_int_equal(mp_stream_unsent(stream()), 2000);
    peer.ticks = true;
    assert_retried(3000);
}

/* A borrowed string that isn't sent at once is copied, and is at another place when it is offered again. */
TEST(offers_the_same_bytes_again_of_a_borrowed_string) {
    char *borrowed = malloc(60000);
    block();
    ours->record.commits = true;
    memcpy(borrowed, pattern(60000), 60000);
    mp_network_lend(network);
    assert_int_equal(mp_stream_write(stream(), borrowed, 60000, MP_LEND), 0);
    turn();
    memset(borrowed, 0, 60000);
    free(borrowed);
    assert_retried(60000);
}

/* --- waiting for something to receive ------------------------------------------------------------------- */

TEST(sending_waits_for_input) {
    shake_hands();
    ours->record.waits_for_tick = true;
    ours->record.most = 1000;
    write_pattern(5000);
    UNTIL(peer.data.size == 1000);
    assert_rests();
    assert_true(is_armed(ours, EV_READ)); /* not EV_WRITE: there is always room */
    peer.ticks = true;
    peer_put(RECORD_TICK, NULL, 0);
    UNTIL(peer.data.size == 5000);
    assert_pattern(&peer.data, 5000);
    assert_int_equal(ours->written, 5000);
    assert_rests();
}

TEST(sending_waits_for_input_although_the_stream_is_deaf) {
    shake_hands();
    mp_stream_own_limits(stream())->read_buffer = 100;
    assert_int_equal(mp_stream_apply_limits(stream()), 0);
    ours->leaves = true;
    ours->record.waits_for_tick = true;
    ours->record.most = 1000;
    write_pattern(3000);
    peer_put(RECORD_DATA, pattern(500), 500);
    UNTIL(peer.data.size == 1000 && (stream()->flags & FLAG_READ_FULL));
    assert_rests();
    peer_put(RECORD_DATA, pattern(500), 500);
    turns(3);
    assert_rests();
    peer.ticks = true;
    peer_put(RECORD_TICK, NULL, 0);
    UNTIL(peer.data.size == 3000);
    assert_rests();
    ours->leaves = false;
    read_all(ours);
    UNTIL(ours->input.size == 1000);
}

TEST(sending_waits_for_input_while_it_closes) {
    shake_hands();
    ours->record.waits_for_tick = true;
    ours->record.most = 1000;
    write_pattern(3000);
    mp_stream_disconnect(stream());
    UNTIL(peer.data.size == 1000);
    assert_rests();
    assert_int_equal(stream()->state, MP_STATE_CLOSING);
    peer.ticks = true;
    peer_put(RECORD_TICK, NULL, 0);
    UNTIL(peer.data.size == 3000 && peer.ended);
    assert_string_equal(peer.records, "HDG");
}

/* --- failures ------------------------------------------------------------------------------------------- */

static void assert_ended(const char *expected) {
    UNTIL(stream()->state == MP_STATE_UNCONNECTED);
    turns(3);
    assert_string_equal(ours->signals, expected);
    assert_int_equal(ours->record.released, 1);
}

/* The peer's earlier bytes are still read, as without a transport. */
TEST(a_failed_send_leaves_what_came_before) {
    char expected[100];
    shake_hands();
    ours->record.send_error = ECONNRESET;
    write_pattern(100);
    turns(3);
    assert_int_equal(mp_stream_can_write(stream(), 1), MP_FAULT_NOT_CONNECTED);
    assert_rests();
    assert_int_equal(stream()->state, MP_STATE_CONNECTED);
    peer_put(RECORD_ASK, NULL, 0); /* the answer can't be sent */
    peer_put(RECORD_DATA, "last words", 10);
    peer_put(RECORD_GOODBYE, NULL, 0);
    snprintf(expected, sizeof expected, "error:%d closing unconnected finished disconnected ",
             mp_fault_from_errno(MP_ATTEMPT_WRITE, ECONNRESET));
    assert_ended(expected);
    assert_int_equal(ours->input.size, 10);
    assert_int_equal(mp_stream_unsent(stream()), 0);
}

/* The kernel has a part of a record, and will never get the rest. */
TEST(a_failed_send_of_what_was_taken_ends) {
    char expected[100];
    block();
    write_pattern(60000);
    assert_kernel_full();
    ours->record.send_error = ECONNRESET;
    mp_stream_disconnect(stream());
    snprintf(expected, sizeof expected, "closing error:%d unconnected finished disconnected ",
             mp_fault_from_errno(MP_ATTEMPT_WRITE, ECONNRESET));
    peer.deaf = false;
    assert_ended(expected);
}

static void answer_error(test_stream *one, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    if (signal == MP_SIGNAL_ERROR_OCCURRED)
        assert_int_equal(mp_stream_write(stream_of(one), "!", 1, MP_COPY), MP_FAULT_NOT_CONNECTED);
}

/* Nothing would ever take the bytes, and the close once waited for them. */
TEST(takes_nothing_more_when_the_transport_is_broken) {
    char expected[100];
    block();
    ours->record.commits = true;
    write_pattern(100000);
    assert_kernel_full();
    ours->on_signal = answer_error;
    peer_put_raw("!!!", 3);
    snprintf(expected, sizeof expected, "error:%d closing unconnected finished disconnected ", RECORD_BROKEN);
    assert_ended(expected);
}

TEST(an_idle_connection_ends_with_bytes_on_their_way) {
    char expected[100];
    block();
    ours->record.commits = true;
    write_pattern(100000);
    assert_kernel_full();
    mp_stream_own_limits(stream())->idle_timeout = 5000;
    assert_int_equal(mp_stream_apply_limits(stream()), 0);
    skew += 10;
    snprintf(expected, sizeof expected, "error:%d closing unconnected finished disconnected ",
             MP_FAULT_IDLE_TIMEOUT);
    assert_ended(expected);
    peer.deaf = false;
    UNTIL(peer.ended);
    assert_null(strchr(peer.records, 'G'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(sends_what_is_queued_in_records),
        ROW(goes_on_when_there_is_room),
        ROW(counts_what_the_kernel_has_not_taken),
        ROW(counts_no_more_than_was_written),
        ROW(offers_the_same_bytes_again),
        ROW(offers_the_same_bytes_again_after_open),
        ROW(offers_the_same_bytes_again_behind_a_short_cut),
        ROW(offers_the_same_bytes_again_of_a_borrowed_string),
        ROW(sending_waits_for_input),
        ROW(sending_waits_for_input_although_the_stream_is_deaf),
        ROW(sending_waits_for_input_while_it_closes),
        ROW(a_failed_send_leaves_what_came_before),
        ROW(a_failed_send_of_what_was_taken_ends),
        ROW(takes_nothing_more_when_the_transport_is_broken),
        ROW(an_idle_connection_ends_with_bytes_on_their_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
