/*
 * Moving the bytes of a pipe; see pipe_flow.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/pipe_flow.h"

#include <assert.h>
#include <errno.h>

#include "data/buffer.h"
#include "net/stream.h"
#include "net/stream_close.h"
#include "net/stream_output.h"
#include "system/splice.h"
#include "system/system.h"

/* A recv of so many bytes that is full says that splice is worth its calls. */
#define PIECE 16384

/* The most that one splice moves. */
#define MOST_SPLICED ((size_t)1 << 20)

/* Bytes of one direction in one wake-up, so that other sockets get a turn. */
#define TURN ((size_t)1 << 20)

/* So many bytes may wait to be sent by a transport; it takes 16 KiB at once. */
#define MOST_UNSENT 65536

/* Bytes for `to` are still in the kernel's pipe: they move to its queue. */
void mp_pipe_recover(mp_pipe *pipe, mp_pipe_way *way, mp_stream *to) {
    char data[4096];
    ssize_t n;
    while (way->kernel && way->kernel->held > 0 && to && !(to->flags & FLAG_WRITE_FAILED) &&
           to->phase != PHASE_BROKEN && to->state >= MP_STATE_CONNECTED &&
           (n = mp_system_receive(way->kernel->fds[0], data, sizeof data, true)) > 0) {
        way->kernel->held -= (size_t)n;
        if (mp_write_queue_append_copy(&to->out, &pipe->network->chunks, data, (size_t)n) < 0)
            break;
    }
    mp_kernel_pipe_give_back(pipe->network, way->kernel);
    way->kernel = NULL;
}

/* --- moving --------------------------------------------------------------------------------------------- */

void mp_pipe_touch(mp_pipe_side *from) {
    const mp_stream *streams[] = {from->stream, mp_pipe_other_side(from)->stream};
    double now = from->pipe->idle.limit > 0 ? mp_loop_now() / 1000.0 : 0;
    from->pipe->idle.since = now;
    for (int i = 0; i < 2; i++) {
        mp_idle *idle = streams[i] ? &streams[i]->extras->idle : NULL;
        if (idle && idle->limit > 0 && !(idle->ignores & (i == 0 ? MP_IDLE_READ : MP_IDLE_WRITE)))
            idle->since = now > 0 ? now : (now = mp_loop_now() / 1000.0);
    }
}

/* Whether the stream can take more now. */
bool mp_pipe_takes_more(const mp_stream *to) {
    if (!to || (to->flags & FLAG_WRITE_FAILED) || to->state < MP_STATE_CONNECTED)
        return false;
    return mp_stream_is_plain(to) ? to->out.bytes == 0 : mp_stream_unsent(to) < MOST_UNSENT;
}

void mp_pipe_rest(mp_stream *from) {
    from->flags |= FLAG_READ_FULL;
    mp_stream_update_watcher(from);
}

static void count_sent(mp_stream *to, size_t size) {
    to->bytes_sent += size;
    mp_stream_network(to)->traffic.bytes_sent += size;
}

/* Queues the bytes for the other stream. */
void mp_pipe_queue(mp_stream *to, const char *data, size_t size) {
    if (mp_write_queue_append_copy(&to->out, &mp_stream_network(to)->chunks, data, size) < 0)
        mp_stream_fail(to, MP_FAULT_RESOURCE);
    else if (!(to->flags & FLAG_SHORT_WRITE))
        mp_stream_mark_dirty(to);
}

/* By sendmsg: send has one caller, and is a part of it. */
static ssize_t send_bytes(mp_stream *to, const char *data, size_t size) {
    assert(mp_stream_is_plain(to) && to->watcher.fd >= 0);
    struct iovec vector = {(void *)(uintptr_t)data, size};
    return mp_system_send_vectors(to->watcher.fd, &vector, 1, false);
}

/* Sends the bytes, or queues what the system doesn't take. */
void mp_pipe_pass(mp_stream *to, const char *data, size_t size) {
    bool at_once = mp_stream_is_plain(to) && to->out.bytes == 0 &&
                   !(to->flags & (FLAG_UNANNOUNCED | FLAG_CLOSE_CONNECTED | FLAG_CONGESTED));
    ssize_t n = at_once ? send_bytes(to, data, size) : -EBUSY;
    if (n > 0)
        count_sent(to, (size_t)n);
    if (n == (ssize_t)size)
        return;
    if (n >= 0 || n == -EAGAIN || n == -EWOULDBLOCK)
        mp_mover_await_room(to);
    /* After another failure the flush gets it too, and says what it means. */
    mp_pipe_queue(to, data + (n > 0 ? n : 0), size - (n > 0 ? (size_t)n : 0));
}

/* Empties the kernel's pipe. False: the stream takes no more now. */
bool mp_pipe_pour(mp_pipe_side *from, mp_stream *to) {
    mp_kernel_pipe *kernel = from->out.kernel;
    assert(!kernel || mp_stream_is_plain(to)); /* splice would send what no transport has seen */
    while (kernel && kernel->held > 0) {
        ssize_t n = mp_system_splice(kernel->fds[0], to->watcher.fd, kernel->held);
        if (n > 0) {
            kernel->held -= (size_t)n;
            count_sent(to, (size_t)n);
        } else if (n == 0 || n == -EAGAIN || n == -EWOULDBLOCK) {
            mp_mover_await_room(to);
            return false;
        } else {
            from->out.copies = true; /* the flush gets the failure too, and says what it means */
            mp_pipe_recover(from->pipe, &from->out, to);
            mp_stream_mark_dirty(to);
            return false;
        }
    }
    mp_kernel_pipe_give_back(from->pipe->network, kernel);
    from->out.kernel = NULL;
    return true;
}

/* The outcome of a read: of n bytes, or -errno. True: there were some. */
static bool came(mp_pipe_side *from, ssize_t n) {
    mp_stream *stream = from->stream;
    if (n > 0) {
        from->out.bytes += (size_t)n;
        stream->bytes_read += (size_t)n;
        from->pipe->network->traffic.bytes_read += (size_t)n;
        return true;
    }
    if (n == 0 && (stream->flags & FLAG_WRITE_FAILED))
        mp_stream_remote_closed(stream, stream->fault, false);
    else if (n == 0)
        mp_stream_remote_closed(stream, MP_FAULT_REMOTE_CLOSED, true);
    else if (n != -EAGAIN && n != -EWOULDBLOCK)
        mp_stream_remote_closed(stream, mp_fault_from_errno(MP_ATTEMPT_READ, (int)-n), false);
    return false;
}

/* Moves a piece by the network's input buffer. -> bytes; 0: no more now */
static size_t copy(mp_pipe_side *from, mp_stream *to) {
    mp_network *network = from->pipe->network;
    char *data = network->input->data + network->input_used;
    size_t room = network->input->capacity - network->input_used;
    if (!from->out.copies && room > PIECE)
        room = PIECE;
    ssize_t n = mp_system_receive(from->stream->watcher.fd, data, room, false);
    if (!came(from, n))
        return 0;
    from->out.large = (size_t)n == room;
    mp_pipe_pass(to, data, (size_t)n);
    return from->out.large ? (size_t)n : 0;
}

/* Moves bytes by the kernel's pipe. -> bytes; 0: no more now */
static size_t move(mp_pipe_side *from, mp_stream *to) {
    mp_pipe_way *way = &from->out;
    if (!way->kernel)
        way->kernel = mp_kernel_pipe_take(from->pipe->network);
    if (!way->kernel) {
        way->copies = true;
        return copy(from, to);
    }
    ssize_t n = mp_system_splice(from->stream->watcher.fd, way->kernel->fds[1], MOST_SPLICED);
    if (n == -EINVAL) {
        way->copies = true;
        return copy(from, to);
    }
    way->large = n >= PIECE;
    if (n > 0)
        way->kernel->held += (size_t)n;
    if (!came(from, n)) /* an end has its pipe given back */
        return 0;
    return mp_pipe_pour(from, to) && way->large ? (size_t)n : 0;
}

/* Moves what there is from one side to the other, as far as that one takes it. */
void mp_pipe_pump(mp_pipe_side *from) {
    mp_pipe *pipe = from->pipe;
    mp_stream *stream = from->stream, *to = mp_pipe_other_side(from)->stream;
    size_t moved = 0, n = 1;
    assert(pipe->running);
    if (from->out.ended || !stream || stream->state != MP_STATE_CONNECTED ||
        (stream->flags & (FLAG_READ_ENDED | FLAG_ARRIVED)))
        return;
    while (n > 0 && moved < TURN && mp_pipe_takes_more(to)) {
        n = from->out.large && !from->out.copies && mp_stream_is_plain(to) ? move(from, to) : copy(from, to);
        moved += n;
        if (!pipe->running)
            return;
    }
    if (from->out.kernel && from->out.kernel->held == 0) {
        mp_kernel_pipe_give_back(pipe->network, from->out.kernel);
        from->out.kernel = NULL;
    }
    mp_pipe_touch(from);
    if (from->stream && (!mp_pipe_takes_more(to) || from->out.kernel))
        mp_pipe_rest(stream);
}
