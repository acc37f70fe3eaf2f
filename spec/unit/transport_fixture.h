/*
 * What the tests of the seam share: their own network, streams on it whose signals are recorded, and the
 * other end of a connection, driven by hand.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef TRANSPORT_FIXTURE_H
#define TRANSPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream_input.h"
#include "net/stream_limits.h"
#include "net/stream_output.h"
#include "net/stream_transport.h"
#include "net/tcp_socket.h"
#include "record_transport.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

/* A stream and its record. Its readyRead reads everything unless `leaves`. */
typedef struct test_stream {
    mp_tcp_socket socket; /* first */
    record_transport record;
    record_bytes input; /* what was read */
    bool leaves;
    unsigned ready;     /* readyRead */
    size_t written;     /* bytesWritten */
    char signals[1024]; /* the others, as words: "closing error:2 unconnected finished disconnected " */
    void (*on_signal)(struct test_stream *ours, enum mp_signal signal, intptr_t argument);
} test_stream;

/* The other end. */
typedef struct test_peer {
    int fd;
    record_bytes raw, data, out;
    char records[256]; /* the types of the received records; repeated ones once */
    unsigned count;    /* of records of data */
    bool ticks;        /* acknowledges each record */
    bool deaf;         /* reads nothing */
    bool ended, reset;
} test_peer;

extern mp_network *network;
extern test_stream *ours; /* on `peer`, with a record_transport unless a test says otherwise */
extern test_peer peer;
extern double skew; /* how many seconds the clock is ahead */

/* For cmocka. */
int set_up(void **state);      /* the network, and `ours`, unconnected, without a transport */
int set_up_pair(void **state); /* also connected to `peer` by a socketpair */
int set_up_tcp(void **state);  /* the same by TCP */
int tear_down(void **state);

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up_pair, tear_down)
#define TCP_ROW(name) cmocka_unit_test_setup_teardown(name, set_up_tcp, tear_down)
#define BARE_ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* One more stream, freed with the others. */
test_stream *new_stream(void);

static inline mp_stream *stream_of(test_stream *one) {
    return &one->socket.stream;
}

/* Attaches its record_transport. */
int set_transport(test_stream *one);

/* Attaches the transport of `ours`, and both ends greet. */
void shake_hands(void);

/* One turn of the loop, without a wait, and the peer's part. */
void turn(void);
void turns(int count);
void peer_turn(void);

/* Runs turns until something is true, or never will be. */
#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        for (int turn_ = 0; turn_ < 3000 && !(condition); turn_++) {                                         \
            turn();                                                                                          \
            peer_turn();                                                                                     \
        }                                                                                                    \
        assert_true(condition);                                                                              \
    } while (0)

/* Has the peer send as much of a record as there is room for now; peer_turn sends the rest. */
void peer_put(enum record_type type, const void *body, size_t size);
void peer_put_raw(const void *data, size_t size);

/* So many bytes, which show their position. */
const char *pattern(size_t size);
void assert_pattern(const record_bytes *bytes, size_t size);

/* Writes so many bytes from the position that follows. */
void write_pattern(size_t size);

/* Reads all unread data of a stream. */
void read_all(test_stream *one);

/* Makes the kernel's buffer of a socketpair small, or fills it. */
void narrow(int fd);

/* Fails if turns do nothing except call the transport: such a loop would never sleep. */
void assert_rests(void);

bool is_armed(test_stream *one, int events);

#endif
