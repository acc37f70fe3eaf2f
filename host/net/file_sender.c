/*
 * Sending files; see file_sender.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/file_sender.h"

#include <errno.h>
#include <stdlib.h>

#include "net/descriptor.h"
#include "net/stream.h"
#include "net/stream_output.h"
#include "system/splice.h"

/* What is read at once. */
#define PIECE ((size_t)65536)

/* What one sendfile sends at most, and what one wake-up sends, so that other sockets get a turn. */
#define MOST_SENT ((size_t)1 << 20)
#define TURN ((size_t)4 << 20)

static mp_file_sender *sender_of(mp_mover *mover) {
    return MP_CONTAINER(mover, mp_file_sender, mover);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void stop(mp_file_sender *sender) {
    mp_stream *stream = sender->stream;
    assert(sender->running);
    sender->running = false;
    sender->sent = stream->bytes_sent > sender->first ? stream->bytes_sent - sender->first : 0;
    mp_mover_detach(&sender->mover, stream);
    mp_descriptor_close(mp_stream_network(stream), sender->fd);
    free(sender->piece);
    sender->piece = NULL;
}

static void finish(mp_file_sender *sender, enum mp_fault fault) {
    stop(sender);
    sender->fault = (uint8_t)fault;
    sender->done(sender);
}

/* --- sending -------------------------------------------------------------------------------------------- */

/* Queues the next piece. The flush gets any failure of the connection, and says what it means. */
static void queue_piece(mp_file_sender *sender) {
    mp_stream *stream = sender->stream;
    size_t size = sender->left < PIECE ? (size_t)sender->left : PIECE;
    if (!sender->piece && !(sender->piece = malloc(PIECE))) {
        finish(sender, MP_FAULT_RESOURCE);
        return;
    }
    ssize_t n = mp_system_read_at(sender->fd, sender->piece, size, sender->offset);
    if (n <= 0) {
        finish(sender, n == 0 ? MP_FAULT_FILE_SHRUNK : MP_FAULT_FILE_UNREADABLE);
        return;
    }
    if (mp_write_queue_append_copy(&stream->out, &mp_stream_network(stream)->chunks, sender->piece,
                                   (size_t)n) < 0) {
        finish(sender, MP_FAULT_RESOURCE);
        return;
    }
    sender->offset += n;
    sender->left -= (uint64_t)n;
    if (!(stream->flags & FLAG_SHORT_WRITE))
        mp_stream_mark_dirty(stream);
}

/* Sends from the file itself. False: it can only be read, or the connection has failed. */
static bool send_directly(mp_file_sender *sender) {
    mp_stream *stream = sender->stream;
    for (size_t turn = 0; sender->left > 0;) {
        size_t size = sender->left < MOST_SENT ? (size_t)sender->left : MOST_SENT;
        ssize_t n = mp_system_send_file(stream->watcher.fd, sender->fd, &sender->offset, size);
        if (n > 0) {
            sender->left -= (uint64_t)n;
            stream->bytes_sent += (uint64_t)n;
            mp_stream_network(stream)->traffic.bytes_sent += (uint64_t)n;
            mp_idle_moved(&stream->extras->idle, MP_IDLE_WRITE);
            turn += (size_t)n;
        } else if (n == 0) {
            finish(sender, MP_FAULT_FILE_SHRUNK);
            return true;
        } else if (n != -EAGAIN && n != -EWOULDBLOCK) {
            return false;
        }
        if (n < 0 || turn >= TURN) {
            mp_mover_await_room(stream);
            return true;
        }
    }
    finish(sender, MP_FAULT_NONE);
    return true;
}

/* Sends more if there is room. */
static void send_more(mp_file_sender *sender) {
    mp_stream *stream = sender->stream;
    bool is_plain = sender->mover.on_event != NULL;
    if (stream->flags & FLAG_WRITE_FAILED)
        return;
    if (sender->left == 0) {
        if (mp_stream_unsent(stream) == 0)
            finish(sender, MP_FAULT_NONE);
        return;
    }
    if (is_plain && stream->out.bytes > 0)
        return;
    if (is_plain && !sender->reads && !send_directly(sender))
        sender->reads = true;
    if (sender->running && (sender->reads || !is_plain) && mp_stream_unsent(stream) < PIECE)
        queue_piece(sender);
}

/* --- events --------------------------------------------------------------------------------------------- */

/* Of a plain socket. The poll reports room for which nothing is queued. */
static void on_event(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_stream *stream = mp_stream_of_watcher(watcher);
    mp_file_sender *sender = sender_of(mp_stream_mover(stream));
    mp_mover_event *others = sender->mover.on_event;
    if ((revents & EV_WRITE) && stream->out.bytes == 0 && (stream->flags & FLAG_SHORT_WRITE)) {
        stream->flags &= ALL_BUT(FLAG_SHORT_WRITE);
        send_more(sender);
        mp_stream_update_watcher(stream);
    }
    others(ev, watcher, revents);
}

static void sent(mp_mover *mover, mp_stream *stream) {
    (void)stream;
    send_more(sender_of(mover));
}

static void left(mp_mover *mover, mp_stream *stream, enum mp_fault fault) {
    (void)stream;
    finish(sender_of(mover), fault);
}

static const mp_mover_kind kind = {.sent = sent, .left = left};

enum mp_fault mp_file_sender_start(mp_file_sender *sender, mp_stream *stream, int fd, int64_t offset,
                                   uint64_t size, void (*done)(mp_file_sender *sender)) {
    assert(!sender->running && fd >= 0 && offset >= 0);
    enum mp_fault fault = stream->state < MP_STATE_CONNECTED ? MP_FAULT_NOT_CONNECTED
                                                             : mp_stream_can_write(stream, 0);
    if (fault != MP_FAULT_NONE)
        return mp_stream_own_fault(stream, fault);
    if (!mp_stream_need_extras(stream))
        return MP_FAULT_RESOURCE;
    *sender = (mp_file_sender){.mover = {.kind = &kind},
                               .stream = stream,
                               .fd = fd,
                               .offset = offset,
                               .left = size,
                               .first = stream->bytes_sent + mp_stream_unsent(stream),
                               .running = true,
                               .done = done};
    mp_descriptor_own(mp_stream_network(stream), fd);
    mp_mover_attach(&sender->mover, stream, MP_WRITE_ONLY, on_event);
    send_more(sender);
    return MP_FAULT_NONE;
}

void mp_file_sender_end(mp_file_sender *sender) {
    if (sender->running)
        stop(sender);
}
