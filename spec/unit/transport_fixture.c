/*
 * What the tests of the seam share; see transport_fixture.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "transport_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define STREAMS 8

mp_network *network;
test_stream *ours;
test_peer peer;
double skew;

static test_stream *streams[STREAMS];
static int stream_count, descriptors;
static bool turning;
static size_t pattern_at;

/* Overrides libc's. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock_id, struct timespec *tp) {
    int result = (int)syscall(SYS_clock_gettime, clock_id, tp);
    if (result == 0 && clock_id == CLOCK_MONOTONIC)
        tp->tv_sec += (time_t)skew;
    return result;
}

/* --- upcalls -------------------------------------------------------------------------------------------- */

static void emit(mp_object *object, enum mp_signal signal, intptr_t argument) {
    static const char *const states[] = {"unconnected", "lookup",    "connecting", "connected",
                                         "bound",       "listening", "closing"};
    test_stream *one = (test_stream *)object;
    size_t at = strlen(one->signals), room = sizeof one->signals - at;
    char *end = one->signals + at;
    assert_true(turning); /* no upcall comes inside a call */
    switch (signal) {
    case MP_SIGNAL_STATE_CHANGED: snprintf(end, room, "%s ", states[argument]); break;
    case MP_SIGNAL_ERROR_OCCURRED: snprintf(end, room, "error:%d ", (int)argument); break;
    case MP_SIGNAL_READ_CHANNEL_FINISHED: snprintf(end, room, "finished "); break;
    case MP_SIGNAL_DISCONNECTED: snprintf(end, room, "disconnected "); break;
    case MP_SIGNAL_BYTES_WRITTEN: one->written += (size_t)argument; break;
    default: break;
    }
    if (one->on_signal)
        one->on_signal(one, signal, argument);
}

static void release(mp_object *object) {
    object->anchor = 0;
}

static void arrived(mp_network *of) {
    mp_stream *stream;
    assert_true(turning);
    while ((stream = mp_stream_next_arrival(of))) {
        test_stream *one = (test_stream *)stream;
        one->ready++;
        if (!one->leaves)
            read_all(one);
        if (one->on_signal)
            one->on_signal(one, MP_SIGNAL_READY_READ, 0);
    }
}

static void unpin(void *owner, int token) {
    (void)owner, (void)token;
}

static void flushed(mp_network *of) {
    (void)of;
}

static const mp_upcalls upcalls = {emit, release};
static const mp_network_upcalls network_upcalls = {.arrived = arrived, .unpin = unpin, .flushed = flushed};

/* --- life ----------------------------------------------------------------------------------------------- */

static int count_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    if (!folder)
        return -1;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

test_stream *new_stream(void) {
    assert_in_range(stream_count, 0, STREAMS - 1);
    test_stream *one = calloc(1, sizeof *one);
    streams[stream_count++] = one;
    mp_tcp_socket_init(&one->socket, network);
    mp_object_hold(&stream_of(one)->object, stream_count);
    return one;
}

int set_up(void **state) {
    (void)state;
    descriptors = count_descriptors();
    stream_count = 0;
    pattern_at = 0;
    skew = 0;
    peer = (test_peer){.fd = -1};
    if (mp_network_new(&upcalls, &network_upcalls, NULL, &network) < 0)
        return -1;
    mp_loop_ref(&network->loop); /* it keeps running */
    network->loop.wanted = UINT64_MAX;
    network->loop.log_level = MP_LOG_NONE;
    ours = new_stream();
    return 0;
}

static int adopt(int fd) {
    return mp_tcp_socket_set_descriptor(&ours->socket, fd, MP_STATE_CONNECTED, MP_READ_WRITE) ? -1 : 0;
}

int set_up_pair(void **state) {
    int ends[2];
    if (set_up(state) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    peer.fd = ends[1];
    int result = adopt(ends[0]);
    turn();
    ours->signals[0] = '\0';
    return result;
}

int set_up_tcp(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (set_up(state) < 0)
        return -1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
        connect(end, (struct sockaddr *)&address, length) < 0)
        return -1;
    peer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    int result = adopt(end);
    turn();
    ours->signals[0] = '\0';
    return result;
}

int tear_down(void **state) {
    (void)state;
    if (peer.fd >= 0)
        close(peer.fd);
    for (int i = 0; i < stream_count; i++) {
        test_stream *one = streams[i];
        mp_stream_destroy(stream_of(one));
        assert_int_equal(one->record.released, one->record.begun);
        assert_false(one->record.cheated);
        assert_false(one->record.late);
        record_free(&one->input);
        free(one);
    }
    record_free(&peer.raw);
    record_free(&peer.data);
    record_free(&peer.out);
    assert_int_equal(network->loop.objects, 0);
    assert_int_equal(network->loop.alive, network->lingering ? 2 : 1);
    assert_int_equal(network->traffic.connections, 0);
    mp_network_free(network);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

int set_transport(test_stream *one) {
    return mp_stream_set_transport(stream_of(one), &record_transport_table, &one->record);
}

void shake_hands(void) {
    assert_int_equal(set_transport(ours), 0);
    peer_put(RECORD_HELLO, NULL, 0);
    UNTIL(stream_of(ours)->extras->carrier.stage == CARRIER_OPEN && strcmp(peer.records, "H") == 0);
}

/* --- turns ---------------------------------------------------------------------------------------------- */

void turn(void) {
    turning = true;
    mp_loop_settle(&network->loop);
    ev_run(network->loop.ev, EVRUN_NOWAIT);
    turning = false;
}

void turns(int count) {
    while (count-- > 0)
        turn();
}

static void note_record(char type) {
    size_t at = strlen(peer.records);
    if ((at == 0 || peer.records[at - 1] != type) && at < sizeof peer.records - 1)
        peer.records[at] = type;
}

static void open_records(void) {
    while (peer.raw.size >= RECORD_HEADER) {
        const unsigned char *header = (const unsigned char *)peer.raw.data;
        size_t size = (size_t)header[1] << 8 | header[2];
        char type = peer.raw.data[0], *body = peer.raw.data + RECORD_HEADER;
        if (peer.raw.size < RECORD_HEADER + size)
            return;
        note_record(type);
        record_scramble(body, size);
        if (type == RECORD_DATA) {
            peer.count++;
            record_append(&peer.data, body, size);
            if (peer.ticks)
                peer_put(RECORD_TICK, NULL, 0);
        }
        record_drop(&peer.raw, RECORD_HEADER + size);
    }
}

void peer_turn(void) {
    char data[65536];
    ssize_t n = -1;
    if (peer.fd < 0)
        return;
    while (!peer.deaf && (n = recv(peer.fd, data, sizeof data, 0)) > 0)
        record_append(&peer.raw, data, (size_t)n);
    peer.ended |= n == 0;
    peer.reset |= !peer.deaf && n < 0 && errno == ECONNRESET;
    open_records();
    peer_put_raw(NULL, 0);
}

void peer_put_raw(const void *data, size_t size) {
    record_append(&peer.out, data, size);
    ssize_t n = peer.out.size > 0 ? send(peer.fd, peer.out.data, peer.out.size, MSG_NOSIGNAL) : 0;
    if (n > 0)
        record_drop(&peer.out, (size_t)n);
}

void peer_put(enum record_type type, const void *body, size_t size) {
    char header[RECORD_HEADER] = {(char)type, (char)(size >> 8), (char)size};
    assert_in_range(size, 0, RECORD_MOST);
    record_append(&peer.out, header, sizeof header);
    record_append(&peer.out, body, size);
    record_scramble(peer.out.data + peer.out.size - size, size);
    peer_put_raw(NULL, 0);
}

void assert_rests(void) {
    turns(3);
    unsigned before = ours->record.calls;
    turns(20);
    assert_int_equal(ours->record.calls, before);
}

bool is_armed(test_stream *one, int events) {
    const ev_io *watcher = &stream_of(one)->watcher;
    int armed = ev_is_active(watcher) ? watcher->events & (EV_READ | EV_WRITE) : 0;
    return armed == events;
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

#define PATTERN (4u << 20)

const char *pattern(size_t size) {
    static char *bytes;
    assert_in_range(size, 0, PATTERN);
    if (!bytes) {
        bytes = malloc(PATTERN);
        for (size_t i = 0; i < PATTERN; i++)
            bytes[i] = (char)(i * 2654435761u >> 13);
    }
    return bytes;
}

void assert_pattern(const record_bytes *bytes, size_t size) {
    assert_int_equal(bytes->size, size);
    assert_memory_equal(bytes->data, pattern(size), size);
}

void write_pattern(size_t size) {
    assert_int_equal(mp_stream_write(stream_of(ours), pattern(pattern_at + size) + pattern_at, size, MP_COPY),
                     0);
    pattern_at += size;
}

void read_all(test_stream *one) {
    size_t size;
    const char *data = mp_stream_peek(stream_of(one), &size);
    record_append(&one->input, data, size);
    mp_stream_consume(stream_of(one), size);
}

void narrow(int fd) {
    int least = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
}
