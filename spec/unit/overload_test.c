/*
 * Overload: what is counted, who isn't read, and who ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/overload.h"
#include "transport_fixture.h"

static size_t held(void) {
    return mp_network_buffers(network);
}

/* `ours` leaves everything unread, and the peer has sent so much more. */
static void leave(size_t size) {
    const mp_stream *stream = stream_of(ours);
    size_t all = mp_buffer_held(stream->in) + size;
    ours->leaves = true;
    peer_put_raw(pattern(size), size);
    UNTIL(mp_buffer_held(stream->in) == all);
}

/* Sets the bound so that `ours`, which holds 100,000 bytes, holds more than six eighths. -> an eighth */
static size_t set_bound(void) {
    leave(100000);
    size_t eighth = held() * 10 / 65;
    mp_overload_set_bound(network, eighth * 8);
    mp_overload_look(network);
    return eighth;
}

static void forget(void) {
    mp_stream_consume(stream_of(ours), SIZE_MAX);
}

TEST(counts_what_stays_and_nothing_that_goes_straight_through) {
    write_pattern(5000);
    UNTIL(stream_of(ours)->out.bytes == 0);
    assert_int_equal(held(), 0);
    leave(1000);
    assert_in_range(held(), 1000, 2000);
    leave(3000);
    assert_in_range(held(), 4000, 9000);
    forget();
    assert_int_equal(held(), 0);
}

TEST(counts_what_waits_to_be_sent) {
    narrow(stream_of(ours)->watcher.fd);
    write_pattern(1000000);
    turns(3);
    assert_in_range(held(), stream_of(ours)->out.bytes, 1100000);
    mp_stream_abort(stream_of(ours));
    turns(3);
    assert_int_equal(held(), 0);
}

TEST(over_six_eighths_who_has_more_than_a_share_is_not_read_until_that_is_less) {
    (void)set_bound();
    UNTIL(!is_armed(ours, EV_READ));
    assert_true(mp_stream_is_deaf(stream_of(ours)));
    assert_int_equal(stream_of(ours)->state, MP_STATE_CONNECTED);
    assert_false(network->overload.refuses);
    forget();
    assert_true(is_armed(ours, EV_READ));
    UNTIL(network->overload.share == SIZE_MAX || (skew += 1, false));
    assert_false(ev_is_active(&network->overload.tick)); /* it costs nothing any more */
}

TEST(over_seven_eighths_who_holds_the_most_ends_after_a_second) {
    size_t eighth = set_bound();
    mp_overload_count(network, 0, eighth); /* others */
    UNTIL(network->overload.refuses);
    turns(3);
    assert_int_equal(stream_of(ours)->state, MP_STATE_CONNECTED);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED || (skew += 1, false));
    assert_int_equal(stream_of(ours)->fault, MP_FAULT_OVERLOAD);
    assert_int_equal(network->overload.ended, 1);
    assert_int_equal(held(), eighth); /* what it had not read is dropped, too */
    mp_overload_count(network, eighth, 0);
}

TEST(over_the_bound_who_holds_the_most_ends_at_once_and_nobody_is_read_before) {
    size_t eighth = set_bound();
    mp_overload_count(network, 0, 2 * eighth);
    mp_overload_look(network);
    assert_true(stream_of(ours)->flags & network->overload.deaf);
    UNTIL(stream_of(ours)->state == MP_STATE_UNCONNECTED);
    assert_int_equal(stream_of(ours)->fault, MP_FAULT_OVERLOAD);
    assert_int_equal(network->overload.deaf, RECEIVE_NOTHING);
    UNTIL(!network->overload.refuses || (skew += 1, false));
    mp_overload_count(network, 2 * eighth, 0);
}

TEST(without_a_bound_nobody_ends) {
    leave(1000000);
    assert_true(is_armed(ours, EV_READ));
    assert_int_equal(stream_of(ours)->state, MP_STATE_CONNECTED);
    assert_true(held() >= 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TCP_ROW(counts_what_stays_and_nothing_that_goes_straight_through),
        TCP_ROW(counts_what_waits_to_be_sent),
        TCP_ROW(over_six_eighths_who_has_more_than_a_share_is_not_read_until_that_is_less),
        TCP_ROW(over_seven_eighths_who_holds_the_most_ends_after_a_second),
        TCP_ROW(over_the_bound_who_holds_the_most_ends_at_once_and_nobody_is_read_before),
        TCP_ROW(without_a_bound_nobody_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
