/*
 * A transport for an established connection (STARTTLS): it gets all earlier bytes, wherever they are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <errno.h>

static mp_stream *stream(void) {
    return stream_of(ours);
}

TEST(takes_what_is_unread) {
    ours->leaves = true;
    peer_put_raw("H\0\0", 3);
    peer_put(RECORD_DATA, "secret", 6);
    UNTIL(ours->ready == 1);
    assert_int_equal(set_transport(ours), 0);
    size_t size;
    (void)mp_stream_peek(stream(), &size);
    assert_int_equal(size, 0);
    assert_int_equal(ours->record.taken.size, 3 + 3 + 6);
    ours->leaves = false;
    UNTIL(ours->input.size == 6);
    assert_memory_equal(ours->input.data, "secret", 6);
}

static void start_at_input(test_stream *one, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    if (signal != MP_SIGNAL_READY_READ)
        return;
    one->on_signal = NULL;
    mp_stream_consume(stream_of(one), 9);
    assert_int_equal(set_transport(one), 0);
    one->leaves = false;
}

TEST(takes_what_its_handler_leaves) {
    ours->leaves = true;
    ours->on_signal = start_at_input;
    peer_put_raw("STARTTLS\nH\0\0", 12);
    peer_put(RECORD_DATA, "secret", 6); /* before the next turn */
    UNTIL(ours->input.size == 6);
    assert_memory_equal(ours->input.data, "secret", 6);
    assert_int_equal(ours->record.taken.size, 12 - 9 + 3 + 6);
}

static test_stream *pair[2];

static void start_other(test_stream *one, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    test_stream *other = one == pair[0] ? pair[1] : pair[0];
    if (signal == MP_SIGNAL_READY_READ && one->record.begun == 0 && other->record.begun == 0)
        assert_int_equal(set_transport(other), 0);
}

/* The bytes were received in this turn, and their handlers haven't run. They once stayed readable in the
   clear. */
TEST(takes_what_has_arrived_in_the_same_turn) {
    int ends[2];
    pair[0] = ours;
    pair[1] = new_stream();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(
        mp_tcp_socket_set_descriptor(&pair[1]->socket, ends[0], MP_STATE_CONNECTED, MP_READ_WRITE), 0);
    pair[0]->on_signal = pair[1]->on_signal = start_other;
    turns(2);
    peer_put_raw("secret", 6);
    assert_int_equal(send(ends[1], "secret", 6, MSG_NOSIGNAL), 6);
    turn();
    test_stream *second = pair[0]->record.begun ? pair[0] : pair[1];
    assert_int_equal(second->record.begun, 1);
    assert_int_equal(second->input.size, 0);
    assert_int_equal(second->record.taken.size, 6);
    close(ends[1]);
}

TEST(what_is_in_the_kernel_is_the_transports) {
    peer_put_raw("H\0\0", 3);
    peer_put(RECORD_DATA, "secret", 6);
    assert_int_equal(set_transport(ours), 0);
    UNTIL(ours->input.size == 6);
    assert_int_equal(ours->record.taken.size, 0);
}

TEST(a_beginning_that_fails_changes_nothing) {
    ours->leaves = true;
    ours->record.begin_result = -EINVAL;
    peer_put_raw("clear", 5);
    UNTIL(ours->ready == 1);
    assert_int_equal(set_transport(ours), -EINVAL);
    assert_null(mp_stream_transport(stream()));
    read_all(ours);
    assert_int_equal(ours->input.size, 5);
    ours->leaves = false;
    peer_put_raw("and on", 6);
    UNTIL(ours->input.size == 11);
    assert_int_equal(ours->record.calls, 0);
    assert_int_equal(ours->record.released, 0);
}

TEST(begins_although_the_read_buffer_was_full) {
    mp_stream_own_limits(stream())->read_buffer = 3;
    assert_int_equal(mp_stream_apply_limits(stream()), 0);
    ours->leaves = true;
    peer_put_raw("H\0\0", 3);
    peer_put(RECORD_DATA, "secret", 6);
    UNTIL(stream()->flags & FLAG_READ_FULL);
    assert_int_equal(set_transport(ours), 0);
    ours->leaves = false;
    UNTIL(ours->input.size == 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(takes_what_is_unread),
        ROW(takes_what_its_handler_leaves),
        ROW(takes_what_has_arrived_in_the_same_turn),
        ROW(what_is_in_the_kernel_is_the_transports),
        ROW(a_beginning_that_fails_changes_nothing),
        ROW(begins_although_the_read_buffer_was_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
