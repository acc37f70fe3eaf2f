/*
 * A read buffer: the bytes that a socket has received and nobody has read yet. They are contiguous, so a
 * line, a peek or a transaction is never assembled from parts. The buffer compacts before it grows, and grows
 * by doubling.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_BUFFER_H
#define MP_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Room in front of a new buffer, so that ungetChar moves nothing. */
#define MP_BUFFER_HEADROOM 32

/* No transaction. */
#define MP_BUFFER_NO_MARK ((size_t)-1)

typedef struct mp_buffer {
    size_t start, end; /* unread bytes are data[start, end) */
    size_t mark;       /* where the transaction began, or MP_BUFFER_NO_MARK: data[mark, start) is kept */
    size_t searched;   /* there is no newline in data[start, searched) */
    size_t capacity;
    char data[];
} mp_buffer;

/* True if the members agree with each other; for assertions. */
static inline bool mp_buffer_is_sound(const mp_buffer *buffer) {
    return !buffer || (buffer->start <= buffer->end && buffer->end <= buffer->capacity &&
                       (buffer->mark == MP_BUFFER_NO_MARK || buffer->mark <= buffer->start));
}

/* Makes a buffer with room for `capacity` bytes in its memory, which has sizeof(mp_buffer) +
   MP_BUFFER_HEADROOM bytes more. */
void mp_buffer_init(mp_buffer *buffer, size_t capacity);

/* Allocates a buffer with room for `capacity` bytes; NULL if there is no memory. Free it with free(). */
mp_buffer *mp_buffer_new(size_t capacity);

/* Makes an emptied buffer like a new one. */
void mp_buffer_reset(mp_buffer *buffer);

/* The size of the first line with its newline, or 0 if there is no newline. It never searches the same bytes
   twice: a peer that sends a long line in small pieces costs no more than one that sends it at once. */
size_t mp_buffer_line(mp_buffer *buffer);

/* Makes the bytes that the transaction has read unread again. */
void mp_buffer_rewind(mp_buffer *buffer);

/* The number of bytes to read. */
static inline size_t mp_buffer_size(const mp_buffer *buffer) {
    return buffer ? buffer->end - buffer->start : 0;
}

/* The number of bytes in the buffer, including those that a transaction has read. */
static inline size_t mp_buffer_held(const mp_buffer *buffer) {
    if (!buffer)
        return 0;
    return buffer->end - (buffer->mark == MP_BUFFER_NO_MARK ? buffer->start : buffer->mark);
}

/* The bytes that the buffer takes itself; NULL: 0. */
static inline size_t mp_buffer_memory(const mp_buffer *buffer) {
    return buffer ? sizeof *buffer + buffer->capacity : 0;
}

/* Appends; *buffer may be NULL and may move. Returns 0 or -ENOMEM with nothing changed. */
int mp_buffer_append(mp_buffer **buffer, const char *data, size_t size);

/* Puts one byte before the unread ones. No transaction may be open. Returns 0 or -ENOMEM. */
int mp_buffer_unget(mp_buffer **buffer, char c);

/* Copies the contents, including the transaction, to a new buffer; NULL if there is no memory. */
mp_buffer *mp_buffer_clone(const mp_buffer *buffer);

#endif
