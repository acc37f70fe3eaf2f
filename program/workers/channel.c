/*
 * The channel to the master; see channel.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "script/text.h"
#include "system/adoption.h"
#include "system/local.h"
#include "system/system.h"

#define PIECE 4096
#define MOST_LINE ((size_t)1 << 20)
#define PATIENCE 2000.0 /* milliseconds that a line waits for room: the master is busy, or suspended */

/* --- words ---------------------------------------------------------------------------------------------- */

char *program_to_word(const char *text, size_t size, size_t most) {
    size = size < most ? size : most;
    char *word = malloc(3 * size + 2), *at = word;
    if (!word)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte <= ' ' || byte == '%' || byte == 127)
            at += snprintf(at, 4, "%%%02X", byte);
        else
            *at++ = (char)byte;
    }
    if (size == 0)
        *at++ = '%'; /* nothing else is a word of its own */
    *at = '\0';
    return word;
}

void program_from_word(char *word) {
    char *to = word;
    if (strcmp(word, "%") == 0)
        *word = '\0';
    for (const char *at = word; *at; at++) {
        char digits[3] = {at[1], at[1] ? at[2] : '\0'}, *end;
        unsigned long byte = strtoul(digits, &end, 16);
        if (*at == '%' && end == digits + 2) {
            *to++ = (char)byte;
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* --- messages ------------------------------------------------------------------------------------------- */

void program_free_message(program_message *message) {
    if (message && message->fd >= 0)
        mp_system_close(message->fd);
    free(message);
}

static int take_descriptor(program_channel *self) {
    if (self->fd_count == 0)
        return -1;
    int fd = self->fds[0];
    memmove(self->fds, self->fds + 1, (size_t)--self->fd_count * sizeof fd);
    return fd;
}

/* Adds the line to those that have arrived. */
static bool add_line(program_channel *self, const char *line, size_t size) {
    bool brings = size > 0 && *line == '+';
    program_message *message = calloc(1, sizeof *message + size + 1);
    if (!message)
        return false;
    memcpy(message->text, line + brings, size - brings);
    message->fd = brings ? take_descriptor(self) : -1;
    message->lost = brings && message->fd < 0;
    char *rest = NULL;
    for (char *word = strtok_r(message->text, " ", &rest); word && message->count < PROGRAM_MESSAGE_WORDS;
         word = strtok_r(NULL, " ", &rest))
        message->words[message->count++] = word;
    *(self->last ? &self->last->next : &self->first) = message;
    self->last = message;
    return true;
}

static program_message *take_message(program_channel *self, program_message *before) {
    program_message **place = before ? &before->next : &self->first, *message = *place;
    *place = message->next;
    if (self->last == message)
        self->last = before;
    message->next = NULL;
    return message;
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static bool make_room(program_channel *self) {
    if (self->room - self->size >= PIECE)
        return true;
    size_t room = self->room + PIECE < 2 * self->room ? 2 * self->room : self->room + PIECE;
    char *larger = room <= MOST_LINE ? realloc(self->in, room) : NULL;
    if (!larger)
        return false;
    self->in = larger;
    self->room = room;
    return true;
}

static bool split_lines(program_channel *self) {
    size_t at = 0;
    for (const char *end; (end = memchr(self->in + at, '\n', self->size - at));) {
        size_t size = (size_t)(end - self->in) - at;
        if (size > 0 && !add_line(self, self->in + at, size))
            return false;
        at += size + 1;
    }
    self->size -= at;
    memmove(self->in, self->in + at, self->size);
    return true;
}

/* Receives what there is. Without memory the master is as good as gone. There is room for a descriptor, also
   if the script has used up all others. */
static void receive(program_channel *self) {
    ssize_t n = 1;
    program_lend_descriptor();
    while (n > 0 && !self->ended) {
        int count = PROGRAM_CHANNEL_DESCRIPTORS - self->fd_count;
        n = make_room(self) ? mp_system_receive_descriptors(self->fd, self->in + self->size, PIECE,
                                                            self->fds + self->fd_count, &count)
                            : -ENOMEM;
        if (n > 0) {
            self->size += (size_t)n;
            self->fd_count += count;
        }
        self->ended = (n <= 0 && n != -EAGAIN) || (n > 0 && !split_lines(self));
    }
    program_hold_descriptor();
}

static void deliver(program_channel *self) {
    while (self->first && self->loop)
        self->received(self, take_message(self, NULL));
    program_hold_descriptor(); /* those that messages brought are closed by now */
    if (self->ended && self->loop) {
        mp_readable_stop(&self->input);
        self->parted(self);
    }
}

static void on_input(mp_readable *input) {
    program_channel *self = MP_CONTAINER(input, program_channel, input);
    if (input->deaf)
        self->ended = true;
    else
        receive(self);
    deliver(self);
}

static void on_later(mp_soon *later) {
    deliver(MP_CONTAINER(later, program_channel, later));
}

program_message *program_await_message(program_channel *self,
                                       bool (*wanted)(const program_message *message, const void *context),
                                       const void *context, double msec) {
    double until = mp_loop_now() + msec;
    program_message *looked = NULL, *found = NULL;
    while (!found) {
        program_message *next = looked ? looked->next : self->first;
        if (next && wanted(next, context)) {
            found = take_message(self, looked);
        } else if (next) {
            looked = next;
        } else {
            double left = until - mp_loop_now();
            if (self->ended || left <= 0)
                break;
            (void)mp_system_wait(self->fd, false, (int)left + 1);
            receive(self);
        }
    }
    if (self->loop && (self->first || self->ended))
        mp_soon_start(&self->later, self->loop, on_later);
    return found;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static bool send_all(program_channel *self, const char *line, size_t size, int fd) {
    double until = mp_loop_now() + PATIENCE;
    while (size > 0 && !self->ended) {
        const struct iovec vector = {(void *)(uintptr_t)line, size};
        ssize_t n = fd >= 0 ? mp_system_send_descriptor(self->fd, &vector, 1, fd)
                            : mp_system_send(self->fd, line, size, false);
        double left = until - mp_loop_now();
        if (n == -EAGAIN && left > 0)
            (void)mp_system_wait(self->fd, true, (int)left + 1);
        else if (n < 0)
            return false;
        if (n > 0) {
            line += n;
            size -= (size_t)n;
            fd = -1;
        }
    }
    return size == 0;
}

bool program_send_message(program_channel *self, int fd, const char *format, ...) {
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (size < 0)
        return false;
    line[size] = '\n'; /* in place of the zero */
    bool sent = self->fd >= 0 && (fd < 0 || send_all(self, "+", 1, fd)) &&
                send_all(self, line, (size_t)size + 1, -1);
    free(line);
    return sent;
}

/* --- life ----------------------------------------------------------------------------------------------- */

int program_open_channel(program_channel *self, int fd) {
    *self = (program_channel){.fd = -1};
    if (!mp_system_is_local(fd))
        return -ENOTSOCK;
    int result = mp_system_adopt(fd);
    if (result == 0)
        self->fd = fd;
    return result;
}

void program_listen_to_channel(program_channel *self, mp_loop *loop,
                               void (*received)(program_channel *channel, program_message *message),
                               void (*parted)(program_channel *channel), void *owner) {
    self->loop = loop;
    self->received = received;
    self->parted = parted;
    self->owner = owner;
    mp_readable_start(&self->input, loop, self->fd, on_input);
    if (self->first || self->ended)
        mp_soon_start(&self->later, loop, on_later);
}

void program_close_channel(program_channel *self) {
    if (self->fd < 0)
        return;
    if (self->loop) {
        mp_readable_stop(&self->input);
        mp_soon_stop(&self->later);
    }
    self->loop = NULL;
    while (self->first)
        program_free_message(take_message(self, NULL));
    while (self->fd_count > 0)
        mp_system_close(take_descriptor(self));
    mp_system_close(self->fd);
    free(self->in);
    self->in = NULL;
    self->fd = -1;
}
