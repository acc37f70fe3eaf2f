/*
 * A worker's end of the channel to its master: lines of words, of which each may bring or take a descriptor.
 * A line with a descriptor begins with "+". In a word the bytes that would end it are written as %XX.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CHANNEL_H
#define PROGRAM_CHANNEL_H

#include "loop/watcher.h"

#define PROGRAM_MESSAGE_WORDS 8
#define PROGRAM_CHANNEL_DESCRIPTORS 16 /* that may arrive before their lines */

typedef struct program_message {
    struct program_message *next;
    int fd;    /* that it brought, the receiver's; -1: none */
    bool lost; /* it brought one, but this process has no room for it */
    unsigned count;
    char *words[PROGRAM_MESSAGE_WORDS];
    char text[];
} program_message;

typedef struct program_channel {
    mp_loop *loop; /* NULL: nobody listens to it yet */
    int fd;        /* -1: there is none */
    bool ended;    /* by the master */
    mp_readable input;
    mp_soon later; /* delivers what has arrived already */
    char *in;
    size_t size, room;
    int fds[PROGRAM_CHANNEL_DESCRIPTORS];
    int fd_count;
    program_message *first, *last;
    /* From the loop. `received` owns the message. */
    void (*received)(struct program_channel *channel, program_message *message);
    void (*parted)(struct program_channel *channel); /* the master is gone */
    void *owner;
} program_channel;

/* Takes over the descriptor. Returns 0 or -errno. */
int program_open_channel(program_channel *self, int fd);

/* From now on the loop receives; the channel doesn't keep it running. */
void program_listen_to_channel(program_channel *self, mp_loop *loop,
                               void (*received)(program_channel *channel, program_message *message),
                               void (*parted)(program_channel *channel), void *owner);

void program_close_channel(program_channel *self);

/* Sends a line, without its end, and a descriptor (-1: none), which stays the caller's. Waits a moment for
   room. False: it is lost. */
bool program_send_message(program_channel *self, int fd, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits for the first message for which `wanted` is true; others stay. NULL: it is late, or the master is
   gone. */
program_message *program_await_message(program_channel *self,
                                       bool (*wanted)(const program_message *message, const void *context),
                                       const void *context, double msec);

/* Frees it, and closes its descriptor. NULL does nothing. */
void program_free_message(program_message *message);

/* A word for a line; free releases it. NULL: no memory. At most `most` bytes of the text. */
char *program_to_word(const char *text, size_t size, size_t most);

/* Turns a word back in its place. */
void program_from_word(char *word);

#endif
