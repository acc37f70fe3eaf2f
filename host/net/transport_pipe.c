/*
 * The transport of descriptors that aren't sockets; see transport.h. It has no state: a flag gives it to a
 * stream.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "net/stream_state.h"
#include "net/transport.h"
#include "system/system.h"

mp_transport_result mp_transport_result_of(enum mp_attempt attempt, ssize_t n) {
    if (n > 0)
        return (mp_transport_result){.n = n, .outcome = MP_TRANSPORT_BYTES};
    if (n == 0 && attempt == MP_ATTEMPT_READ)
        return (mp_transport_result){.outcome = MP_TRANSPORT_END};
    if (n == 0 || n == -EAGAIN || n == -EWOULDBLOCK)
        return (mp_transport_result){.outcome = MP_TRANSPORT_AGAIN};
    if (attempt == MP_ATTEMPT_WRITE && (n == -ENOBUFS || n == -ENOMEM))
        return (mp_transport_result){.outcome = MP_TRANSPORT_CONGESTED};
    return (mp_transport_result){.outcome = MP_TRANSPORT_BROKEN,
                                 .fault = (uint8_t)mp_fault_from_errno(attempt, (int)-n)};
}

static mp_transport_result receive(mp_stream *stream, void *data, size_t size) {
    return mp_transport_result_of(MP_ATTEMPT_READ, mp_system_receive(stream->watcher.fd, data, size, true));
}

static mp_transport_result send_vectors(mp_stream *stream, const struct iovec *vectors, int count) {
    if (count == 0)
        return (mp_transport_result){.outcome = MP_TRANSPORT_BYTES};
    return mp_transport_result_of(MP_ATTEMPT_WRITE,
                                  mp_system_send_vectors(stream->watcher.fd, vectors, count, true));
}

const mp_transport mp_transport_pipe = {.name = "pipe", .receive = receive, .send = send_vectors};
