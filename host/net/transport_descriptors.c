/*
 * The transport of a LocalSocket that passes descriptors; see transport.h. A descriptor travels with a byte,
 * so each call of the system ends before the byte of the next one.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>

#include "net/local_extras.h"
#include "net/transport.h"
#include "system/local.h"
#include "system/system.h"

#define MOST_VECTORS 32

/* The system allows so many descriptors in flight; there is room again when somebody has received some. */
static ssize_t congested(ssize_t n) {
    return n == -ETOOMANYREFS ? -ENOBUFS : n;
}

/* The system closes descriptors that exceed the limit. */
static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    mp_local_facts *facts = mp_local_facts_of(stream);
    size_t room = facts->most > facts->received_count ? facts->most - facts->received_count : 0;
    int count = (int)room;
    ssize_t n = mp_system_receive_descriptors(
        stream->watcher.fd, data, size, room > 0 ? facts->received + facts->received_count : NULL, &count);
    facts->received_count += (size_t)count;
    return mp_transport_result_of(MP_ATTEMPT_READ, n);
}

/* Copies the vectors, up to `most` bytes. Returns how many there are. */
static int cut(struct iovec *to, const struct iovec *vectors, int count, uint64_t most) {
    int used = 0;
    for (; used < count && used < MOST_VECTORS && most > 0; used++) {
        to[used] = vectors[used];
        if (to[used].iov_len > most)
            to[used].iov_len = (size_t)most;
        most -= to[used].iov_len;
    }
    return used;
}

/* It has left with its byte. */
static void forget_first(mp_stream *stream) {
    mp_local_facts *facts = mp_local_facts_of(stream);
    mp_system_close(facts->outgoing[0].fd);
    facts->outgoing_count--;
    memmove(facts->outgoing, facts->outgoing + 1, facts->outgoing_count * sizeof *facts->outgoing);
}

static mp_transport_result send_vectors(mp_stream *stream, const struct iovec *vectors, int count) {
    mp_local_facts *facts = mp_local_facts_of(stream);
    const mp_outgoing *next = facts->outgoing_count > 0 ? facts->outgoing : NULL;
    struct iovec part[MOST_VECTORS];
    uint64_t most = UINT64_MAX;
    bool with = next && next->position == facts->passed;
    ssize_t n;
    if (count == 0)
        return (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
    if (with)
        next = facts->outgoing_count > 1 ? facts->outgoing + 1 : NULL;
    if (next)
        most = next->position - facts->passed;
    count = cut(part, vectors, count, most);
    if (with)
        n = congested(mp_system_send_descriptor(stream->watcher.fd, part, count, facts->outgoing[0].fd));
    else
        n = mp_system_send_vectors(stream->watcher.fd, part, count, false);
    if (n > 0 && with)
        forget_first(stream);
    if (n > 0)
        facts->passed += (uint64_t)n;
    return mp_transport_result_of(MP_ATTEMPT_WRITE, n);
}

/* Those that came stay, like unread bytes. */
static void release(mp_stream *stream) {
    while (mp_local_facts_of(stream)->outgoing_count > 0)
        forget_first(stream);
}

const mp_transport mp_transport_descriptors = {
    .name = "descriptors", .receive = receive, .send = send_vectors, .release = release};
