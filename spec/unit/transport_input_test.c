/*
 * Receiving by a transport that holds input which the poll doesn't report: every byte arrives, whatever made
 * the stream deaf, and meanwhile the transport's own answers are sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

static mp_limits *own_limits(void) {
    return mp_stream_own_limits(stream_of(ours));
}

static void apply_limits(void) {
    assert_int_equal(mp_stream_apply_limits(stream_of(ours)), 0);
}

static void limit_reading(size_t size) {
    own_limits()->read_buffer = size;
    apply_limits();
}

static size_t unread(void) {
    size_t size;
    (void)mp_stream_peek(stream_of(ours), &size);
    return size;
}

/* The bytes that the transport has received and opened, and the stream has not received. */
static size_t pending(void) {
    return ours->record.plain.size + ours->record.raw.size;
}

/* Has the peer send so many bytes in records of `most`, and the kernel take them all. */
static void send_pattern(size_t size, size_t most) {
    for (size_t at = 0; at < size; at += most)
        peer_put(RECORD_DATA, pattern(size) + at, size - at < most ? size - at : most);
}

TEST(a_record_is_larger_than_the_read_buffer) {
    shake_hands();
    limit_reading(1000);
    send_pattern(50000, 50000);
    UNTIL(ours->input.size == 50000);
    assert_pattern(&ours->input, 50000);
    assert_in_range(ours->ready, 50, 60);
    assert_rests();
}

TEST(several_records_are_in_one_segment) {
    shake_hands();
    limit_reading(100);
    send_pattern(5000, 70);
    UNTIL(ours->input.size == 5000);
    assert_pattern(&ours->input, 5000);
    assert_rests();
}

TEST(as_much_as_the_shared_buffer_holds_and_a_byte_around) {
    size_t total = 0;
    shake_hands();
    for (int around = -1; around <= 1; around++) {
        size_t size = (size_t)(MP_INPUT_SIZE + around);
        ours->input.size = 0;
        peer.deaf = true;
        send_pattern(size, 60000);
        UNTIL(ours->input.size == size);
        assert_pattern(&ours->input, size);
        total += size;
        assert_int_equal(stream_of(ours)->bytes_read, total);
        assert_rests();
    }
}

/* Others have used their part of the shared buffer before. */
TEST(as_much_as_a_batch_leaves) {
    static const size_t sizes[] = {16383, 16384, 16385, 40000};
    int ends[2];
    shake_hands();
    test_stream *other = new_stream();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(mp_tcp_socket_set_descriptor(&other->socket, ends[0], MP_STATE_CONNECTED, MP_READ_WRITE),
                     0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ours->input.size = other->input.size = 0;
        assert_int_equal(send(ends[1], pattern(sizes[i]), sizes[i], MSG_NOSIGNAL), sizes[i]);
        send_pattern(150000, 60000);
        UNTIL(ours->input.size == 150000 && other->input.size == sizes[i]);
        assert_pattern(&ours->input, 150000);
        assert_pattern(&other->input, sizes[i]);
    }
    close(ends[1]);
}

/* For each reason to be deaf: when it ends, the transport holds input, and the kernel none. */
static void fill_transport(size_t size, size_t unread_then) {
    ours->leaves = true;
    send_pattern(size, 30000);
    UNTIL(unread() == unread_then && pending() > 0);
    assert_int_equal(peer.out.size, 0);
    turns(3);
    assert_int_equal(unread(), unread_then);
    assert_rests();
}

TEST(hears_again_when_the_full_buffer_is_read) {
    shake_hands();
    limit_reading(1000);
    fill_transport(3500, 1000);
    read_all(ours);
    UNTIL(unread() == 1000);
    ours->leaves = false;
    read_all(ours);
    UNTIL(ours->input.size == 3500);
    assert_pattern(&ours->input, 3500);
}

TEST(hears_again_when_the_limit_is_raised) {
    shake_hands();
    limit_reading(1000);
    fill_transport(30000, 1000);
    limit_reading(20000);
    UNTIL(unread() == 20000);
    limit_reading(0);
    UNTIL(unread() == 30000);
    read_all(ours);
    assert_pattern(&ours->input, 30000);
}

TEST(hears_again_after_a_transaction) {
    shake_hands();
    limit_reading(1000);
    assert_int_equal(mp_stream_start_transaction(stream_of(ours)), 0);
    fill_transport(3000, 1000);
    read_all(ours);
    turns(5);
    assert_int_equal(unread(), 0); /* it may be rolled back */
    ours->leaves = false;
    assert_int_equal(mp_stream_commit_transaction(stream_of(ours)), 0);
    UNTIL(ours->input.size == 3000);
    assert_pattern(&ours->input, 3000);
}

TEST(hears_again_after_open) {
    shake_hands();
    limit_reading(1000);
    fill_transport(3000, 1000);
    ours->leaves = false;
    mp_stream_open(stream_of(ours), MP_READ_WRITE);
    UNTIL(ours->input.size == 2000);
    assert_memory_equal(ours->input.data, pattern(3000) + 1000, 2000);
}

/* Writes until the stream isn't read any more. Then input arrives in a record that the transport has opened
   in part. */
static void throttle(void) {
    own_limits()->high_water_mark = 10000;
    limit_reading(1000);
    narrow(stream_of(ours)->watcher.fd);
    peer.deaf = true;
    ours->leaves = true;
    send_pattern(3000, 3000);
    UNTIL(unread() == 1000 && pending() > 0);
    write_pattern(400000);
    UNTIL(stream_of(ours)->flags & FLAG_THROTTLED);
    ours->leaves = false;
    read_all(ours);
    turns(5);
    assert_int_equal(ours->input.size, 1000);
    assert_int_equal(unread(), 0);
    assert_rests();
}

TEST(hears_again_when_the_peer_has_read) {
    shake_hands();
    throttle();
    peer.deaf = false;
    UNTIL(ours->input.size == 3000 && peer.data.size == 400000);
    assert_pattern(&ours->input, 3000);
    assert_pattern(&peer.data, 400000);
}

TEST(hears_again_when_the_mark_is_raised) {
    shake_hands();
    throttle();
    own_limits()->high_water_mark = 0;
    apply_limits();
    UNTIL(ours->input.size == 3000);
}

/* The handler's output rearms the poll. The stream once forgot then that there was pending input. */
static void write_much(test_stream *one, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    if (signal != MP_SIGNAL_READY_READ)
        return;
    one->on_signal = NULL;
    write_pattern(400000);
}

TEST(hears_what_is_pending_although_it_begins_to_wait_for_room) {
    shake_hands();
    limit_reading(1000);
    narrow(stream_of(ours)->watcher.fd);
    peer.deaf = true;
    own_limits()->high_water_mark = 0;
    ours->on_signal = write_much;
    send_pattern(50000, 50000);
    UNTIL(ours->input.size == 50000);
    assert_pattern(&ours->input, 50000);
}

/* --- answers -------------------------------------------------------------------------------------------- */

TEST(answers) {
    shake_hands();
    peer_put(RECORD_ASK, NULL, 0);
    UNTIL(strcmp(peer.records, "HA") == 0);
    assert_rests();
    assert_int_equal(ours->written, 0);
}

TEST(answers_although_it_is_deaf) {
    shake_hands();
    limit_reading(1000);
    narrow(stream_of(ours)->watcher.fd);
    peer.deaf = true;
    own_limits()->high_water_mark = 0;
    write_pattern(100000);
    UNTIL(stream_of(ours)->flags & FLAG_SHORT_WRITE);
    ours->leaves = true;
    peer_put(RECORD_ASK, NULL, 0);
    send_pattern(2000, 2000);
    UNTIL(unread() == 1000);
    assert_rests();
    assert_true(is_armed(ours, EV_WRITE));
    peer.deaf = false;
    UNTIL(peer.data.size == 100000 && strchr(peer.records, 'A'));
    assert_int_equal(unread(), 1000);
    assert_int_equal(ours->written, 100000);
    assert_true(is_armed(ours, 0));
    assert_rests();
}

/* The stream has no output: only the transport wants room. */
static void fill_kernel(void) {
    narrow(stream_of(ours)->watcher.fd);
    narrow(peer.fd);
    while (send(stream_of(ours)->watcher.fd, "T\0\0", 3, MSG_NOSIGNAL | MSG_DONTWAIT) == 3)
        continue;
}

TEST(answers_although_it_is_deaf_and_sends_nothing) {
    shake_hands();
    limit_reading(1000);
    fill_kernel();
    peer.deaf = true;
    ours->leaves = true;
    peer_put(RECORD_ASK, NULL, 0);
    peer_put(RECORD_DATA, pattern(1500), 1500);
    UNTIL(unread() == 1000);
    assert_rests();
    assert_true(is_armed(ours, EV_WRITE));
    peer.deaf = false;
    UNTIL(strchr(peer.records, 'A'));
    assert_true(is_armed(ours, 0));
    assert_int_equal(ours->written, 0);
    assert_rests();
}

TEST(receiving_waits_until_there_is_room_to_send) {
    shake_hands();
    ours->record.stops_to_answer = true;
    fill_kernel();
    peer.deaf = true;
    peer_put(RECORD_ASK, NULL, 0);
    send_pattern(3000, 1000);
    for (int i = 0; i < 10; i++) {
        turn();
        peer_turn();
    }
    assert_rests();
    assert_int_equal(ours->input.size, 0);
    assert_true(is_armed(ours, EV_WRITE));
    peer.deaf = false;
    UNTIL(ours->input.size == 3000 && strchr(peer.records, 'A'));
    assert_rests();
    assert_true(is_armed(ours, EV_READ));
}

/* --- fairness ------------------------------------------------------------------------------------------- */

/* A peer that sends faster than it is read blocks nobody else. */
static test_stream *second;
static int rounds;

static void send_more(test_stream *one, enum mp_signal signal, intptr_t argument) {
    (void)argument;
    if (signal != MP_SIGNAL_READY_READ || rounds++ == 1000)
        return;
    one->input.size = 0;
    peer_put(RECORD_DATA, pattern(3000), 3000);
}

TEST(what_is_pending_keeps_nobody_from_the_loop) {
    int ends[2];
    shake_hands();
    limit_reading(1000);
    second = new_stream();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(
        mp_tcp_socket_set_descriptor(&second->socket, ends[0], MP_STATE_CONNECTED, MP_READ_WRITE), 0);
    rounds = 0;
    ours->on_signal = send_more;
    peer_put(RECORD_DATA, pattern(3000), 3000);
    for (int i = 0; i < 10; i++) {
        turn();
        assert_in_range(rounds, 0, i + 2);
    }
    assert_int_equal(send(ends[1], "!", 1, MSG_NOSIGNAL), 1);
    turns(2);
    assert_int_equal(second->input.size, 1);
    ours->on_signal = NULL;
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ROW(a_record_is_larger_than_the_read_buffer),
        ROW(several_records_are_in_one_segment),
        ROW(as_much_as_the_shared_buffer_holds_and_a_byte_around),
        ROW(as_much_as_a_batch_leaves),
        ROW(hears_again_when_the_full_buffer_is_read),
        ROW(hears_again_when_the_limit_is_raised),
        ROW(hears_again_after_a_transaction),
        ROW(hears_again_after_open),
        ROW(hears_again_when_the_peer_has_read),
        ROW(hears_again_when_the_mark_is_raised),
        ROW(hears_what_is_pending_although_it_begins_to_wait_for_room),
        ROW(answers),
        ROW(answers_although_it_is_deaf),
        ROW(answers_although_it_is_deaf_and_sends_nothing),
        ROW(receiving_waits_until_there_is_room_to_send),
        ROW(what_is_pending_keeps_nobody_from_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
