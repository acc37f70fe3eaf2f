/*
 * For every n, the n-th allocation of host/ fails (the linker's --wrap) while a stream gets a transport,
 * shakes hands, sends, receives more than it reads, answers and says goodbye. Either that one allocation
 * fails, or all from then on. Nothing may crash or be left behind, and the transport is released once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include "failing_allocation.h"

static void armed_turns(int count) {
    while (count-- > 0) {
        host_failure.armed = true;
        turn();
        host_failure.armed = false;
        peer_turn();
    }
}

/* Makes a call in the host that may fail. */
#define ARMED(call)                                                                                          \
    do {                                                                                                     \
        host_failure.armed = true;                                                                           \
        call;                                                                                                \
        host_failure.armed = false;                                                                          \
    } while (0)

static void carry(void) {
    mp_stream *stream = stream_of(ours);
    mp_limits *limits = NULL;
    const char *bytes = pattern(30000);
    peer_put_raw("H\0\0", 3);
    ARMED(set_transport(ours));
    if (!mp_stream_transport(stream)) {
        assert_int_equal(ours->record.released, 0); /* it is still the caller's */
        return;
    }
    ARMED(limits = mp_stream_own_limits(stream));
    if (limits) {
        limits->read_buffer = 1000;
        limits->idle_timeout = 60000;
        ARMED((void)mp_stream_apply_limits(stream));
    }
    ours->record.commits = true;
    ARMED((void)mp_stream_write(stream, bytes, 30000, MP_COPY));
    peer_put(RECORD_ASK, NULL, 0);
    peer_put(RECORD_DATA, pattern(5000), 5000);
    armed_turns(5);
    ours->leaves = true; /* the unread rest must stay */
    peer_put(RECORD_DATA, pattern(500), 500);
    armed_turns(5);
    ARMED((void)mp_stream_write(stream, bytes, 30000, MP_COPY));
    ARMED(mp_stream_disconnect(stream));
    armed_turns(10);
}

/* False if it made fewer allocations than would fail. */
static bool try_failure(unsigned from, unsigned to) {
    void *unused = NULL;
    assert_int_equal(set_up_pair(&unused), 0);
    host_failure = (failure){.from = from, .to = to};
    carry();
    bool reached = host_failure.count >= from;
    mp_stream_abort(stream_of(ours));
    turns(3);
    assert_int_equal(tear_down(&unused), 0);
    return reached;
}

TEST(fails_once) {
    unsigned n = 1;
    while (try_failure(n, n))
        n++;
    assert_true(n > 5);
}

TEST(fails_from_then_on) {
    unsigned n = 1;
    while (try_failure(n, UINT_MAX))
        n++;
    assert_true(n > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_once),
        cmocka_unit_test(fails_from_then_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
