/*
 * Sending a file on a stream: by sendfile(2) on a plain socket, else in pieces through the stream's queue.
 * What was queued before goes first; nothing else can be written meanwhile. Reading the file may wait for the
 * disk, and the loop with it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FILE_SENDER_H
#define MP_FILE_SENDER_H

#include "net/stream_state.h"

/* In the memory of its owner. Private, except that `fault` may be read when it is over. */
typedef struct mp_file_sender {
    mp_mover mover; /* of the stream */
    mp_stream *stream;
    int fd; /* owned */
    int64_t offset;
    uint64_t left;  /* bytes of the file that are neither sent nor queued */
    uint64_t first; /* stream->bytes_sent when the file's first byte is sent */
    uint64_t sent;  /* when it is over: bytes that the system took */
    char *piece;    /* memory for reading, or NULL */
    bool running;
    bool reads;    /* sendfile isn't possible */
    uint8_t fault; /* why it is over; MP_FAULT_NONE: everything was sent */
    void (*done)(struct mp_file_sender *sender);
} mp_file_sender;

/*
 * Sends `size` bytes of the file `fd` from `offset`; it owns the descriptor from now on. The stream must be
 * held by its owner. `done` is called when the system has taken all bytes, or no more can be sent; perhaps
 * within this call. Returns MP_FAULT_NONE, or why it can't begin; then nothing has changed, and the
 * descriptor is still the caller's.
 */
enum mp_fault mp_file_sender_start(mp_file_sender *sender, mp_stream *stream, int fd, int64_t offset,
                                   uint64_t size, void (*done)(mp_file_sender *sender));

/* Ends it before that, without calling `done`; does nothing if it isn't running. */
void mp_file_sender_end(mp_file_sender *sender);

#endif
