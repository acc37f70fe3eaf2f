/*
 * Read buffers; see buffer.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 128

void mp_buffer_init(mp_buffer *buffer, size_t capacity) {
    buffer->capacity = MP_BUFFER_HEADROOM + capacity;
    mp_buffer_reset(buffer);
}

mp_buffer *mp_buffer_new(size_t capacity) {
    mp_buffer *buffer = malloc(sizeof *buffer + MP_BUFFER_HEADROOM + capacity);
    if (buffer)
        mp_buffer_init(buffer, capacity);
    return buffer;
}

void mp_buffer_reset(mp_buffer *buffer) {
    buffer->start = buffer->end = MP_BUFFER_HEADROOM;
    buffer->mark = MP_BUFFER_NO_MARK;
    buffer->searched = 0;
}

/* Where the bytes begin that must stay. */
static size_t kept_from(const mp_buffer *buffer) {
    return buffer->mark == MP_BUFFER_NO_MARK ? buffer->start : buffer->mark;
}

/* Moves those bytes to the front of `to`, which may be `from`. */
static void move_kept(mp_buffer *to, const mp_buffer *from) {
    size_t first = kept_from(from), start = from->start, end = from->end, mark = from->mark;
    memmove(to->data + MP_BUFFER_HEADROOM, from->data + first, end - first);
    to->start = MP_BUFFER_HEADROOM + (start - first);
    to->end = MP_BUFFER_HEADROOM + (end - first);
    to->mark = mark == MP_BUFFER_NO_MARK ? MP_BUFFER_NO_MARK : MP_BUFFER_HEADROOM;
    to->searched = 0;
}

mp_buffer *mp_buffer_clone(const mp_buffer *buffer) {
    assert(mp_buffer_is_sound(buffer));
    size_t held = mp_buffer_held(buffer);
    mp_buffer *copy = mp_buffer_new(held < SMALLEST ? SMALLEST : held);
    if (copy)
        move_kept(copy, buffer);
    return copy;
}

/* Makes room for `size` bytes after the end. */
static int reserve(mp_buffer **buffer, size_t size) {
    mp_buffer *old = *buffer;
    if (!old) {
        *buffer = mp_buffer_new(size < SMALLEST ? SMALLEST : size);
        return *buffer ? 0 : -ENOMEM;
    }
    if (old->capacity - old->end >= size)
        return 0;
    size_t held = mp_buffer_held(old);
    /* Compact in place only if at most half is moved: otherwise each append would move everything. */
    if (kept_from(old) > MP_BUFFER_HEADROOM + held && old->capacity - MP_BUFFER_HEADROOM - held >= size) {
        move_kept(old, old);
        return 0;
    }
    size_t wanted = held + size;
    size_t capacity = old->capacity - MP_BUFFER_HEADROOM;
    mp_buffer *bigger = mp_buffer_new(wanted > 2 * capacity ? wanted : 2 * capacity);
    if (!bigger)
        return -ENOMEM;
    move_kept(bigger, old);
    free(old);
    *buffer = bigger;
    return 0;
}

int mp_buffer_append(mp_buffer **buffer, const char *data, size_t size) {
    assert(mp_buffer_is_sound(*buffer));
    if (reserve(buffer, size) < 0)
        return -ENOMEM;
    memcpy((*buffer)->data + (*buffer)->end, data, size);
    (*buffer)->end += size;
    return 0;
}

int mp_buffer_unget(mp_buffer **buffer, char c) {
    assert(mp_buffer_is_sound(*buffer) && (!*buffer || (*buffer)->mark == MP_BUFFER_NO_MARK));
    if (!*buffer && !(*buffer = mp_buffer_new(SMALLEST)))
        return -ENOMEM;
    if ((*buffer)->start == 0) {
        mp_buffer *moved = mp_buffer_new(2 * (*buffer)->capacity);
        if (!moved)
            return -ENOMEM;
        /* Half of the new room is in front, because many bytes may be put back. */
        size_t size = mp_buffer_size(*buffer);
        moved->start = (*buffer)->capacity;
        moved->end = moved->start + size;
        memcpy(moved->data + moved->start, (*buffer)->data, size);
        free(*buffer);
        *buffer = moved;
    }
    (*buffer)->data[--(*buffer)->start] = c;
    (*buffer)->searched = 0;
    return 0;
}

size_t mp_buffer_line(mp_buffer *buffer) {
    assert(mp_buffer_is_sound(buffer));
    size_t from = buffer->searched > buffer->start ? buffer->searched : buffer->start;
    const char *newline = memchr(buffer->data + from, '\n', buffer->end - from);
    buffer->searched = newline ? (size_t)(newline - buffer->data) : buffer->end;
    return newline ? buffer->searched + 1 - buffer->start : 0;
}

void mp_buffer_rewind(mp_buffer *buffer) {
    if (buffer->mark != MP_BUFFER_NO_MARK)
        buffer->start = buffer->mark;
    buffer->searched = 0;
}
