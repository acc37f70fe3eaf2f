/*
 * A system that has no memory for what a transport moves (ENOBUFS, ENOMEM): the connection stays, nothing is
 * called for a moment, and then all goes on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <errno.h>

/* Nothing may be called until the moment is over; then there is memory. */
static void relieve(void) {
    UNTIL(network->congested == stream_of(ours) && is_armed(ours, 0));
    ours->record.send_error = 0;
    skew += 1;
}

TEST(a_handshake_is_continued) {
    ours->record.send_error = ENOBUFS;
    assert_int_equal(set_transport(ours), 0);
    relieve();
    peer_put(RECORD_HELLO, NULL, 0);
    write_pattern(100);
    UNTIL(peer.data.size == 100);
    assert_string_equal(ours->signals, "");
}

TEST(what_is_sent_is_offered_again) {
    shake_hands();
    ours->record.send_error = ENOBUFS;
    write_pattern(100);
    mp_stream_flush(stream_of(ours));
    turns(3);
    write_pattern(5000);
    relieve();
    UNTIL(peer.data.size == 5100);
    assert_pattern(&peer.data, 5100);
    assert_int_equal(ours->written, 5100);
    assert_false(ours->record.cheated || ours->record.late);
    assert_rests();
    assert_string_equal(ours->signals, "");
}

TEST(more_than_once) {
    shake_hands();
    ours->record.send_error = ENOMEM;
    write_pattern(100);
    UNTIL(network->congested == stream_of(ours));
    unsigned calls = ours->record.calls;
    skew += 1;
    UNTIL(ours->record.calls > calls);
    relieve();
    UNTIL(peer.data.size == 100);
}

TEST(what_is_received_comes_later) {
    shake_hands();
    ours->record.congestions = 1;
    peer_put(RECORD_DATA, pattern(100), 100);
    UNTIL(ours->record.congestions == 0);
    skew += 1;
    UNTIL(ours->input.size == 100);
    assert_rests();
    assert_string_equal(ours->signals, "");
}

TEST(a_goodbye_is_said_later) {
    shake_hands();
    ours->record.send_error = ENOBUFS;
    mp_stream_disconnect(stream_of(ours));
    relieve();
    UNTIL(peer.ended && stream_of(ours)->state == MP_STATE_UNCONNECTED);
    assert_string_equal(peer.records, "HG");
}

TEST(an_abort_ends_it) {
    shake_hands();
    ours->record.send_error = ENOBUFS;
    write_pattern(100);
    relieve();
    mp_stream_abort(stream_of(ours));
    turns(3);
    assert_int_equal(ours->record.released, 1);
    assert_null(network->congested);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(a_handshake_is_continued),     ROW(what_is_sent_is_offered_again), ROW(more_than_once),
        ROW(what_is_received_comes_later), ROW(a_goodbye_is_said_later),       ROW(an_abort_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
