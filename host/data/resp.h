/*
 * Redis' protocol (RESP2), found in the bytes as they come: the commands that a server reads, and the
 * replies that a client reads. Nothing is copied, and a byte is looked at twice at most: once to know that
 * all is there, and once when its item is taken.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESP_H
#define MP_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MP_RESP_DEPTH = 32 }; /* arrays within arrays */

typedef struct mp_resp_limits {
    uint64_t string; /* bytes of one string */
    uint64_t size;   /* bytes of all strings of a command, or of a whole reply */
    uint32_t count;  /* strings of a command, or values of a reply */
    uint32_t line;   /* bytes of an inline command, or of a line of a reply */
} mp_resp_limits;

enum mp_resp_outcome { MP_RESP_MORE, MP_RESP_DONE, MP_RESP_REFUSED };

typedef struct mp_resp_item {
    char type;        /* '+', '-', ':', '$' or '*' */
    int64_t number;   /* of ':' its value; of '$' and '*' their length, -1: null */
    const char *text; /* of '+', '-' and '$' */
    size_t length;
} mp_resp_item;

/* Takes the item at *at of text[0, size), and puts *at behind it; of an array only its length is taken.
   What is not there yet, or no item, leaves *at. */
enum mp_resp_outcome mp_resp_take(const char *text, size_t size, size_t *at, mp_resp_item *item);

typedef struct mp_resp_command {
    bool is_array;
    size_t at;       /* what is in front of it needn't be looked at again; at the end, behind the command */
    size_t searched; /* an inline command has no line end in front of it */
    size_t first;    /* where an array's first string begins; of an inline command 0 */
    uint64_t size;   /* bytes of the strings that are there */
    uint32_t count;  /* strings of an array */
    uint32_t left;   /* those that aren't there yet */
    const char *why; /* it is refused, in Redis' words */
    char got;        /* what is there instead; or 0 */
} mp_resp_command;

/* Looks at text[0, size), which begins with what it was given before. A new command is all zeros. DONE:
   its bytes are text[0, command->at); an array may have no strings, and a line no words. */
enum mp_resp_outcome mp_resp_command_feed(mp_resp_command *command, const mp_resp_limits *limits,
                                          const char *text, size_t size);

/* Whether an inline command has no words. */
bool mp_resp_is_blank(const char *text, size_t size);

/* The next word of an inline command, at *at of text[0, size): it goes to `word`, which has room for
   `size` bytes. MORE: there is none. REFUSED: its quotes are wrong. */
enum mp_resp_outcome mp_resp_word(const char *text, size_t size, size_t *at, char *word, size_t *length);

typedef struct mp_resp_reply {
    size_t at;       /* what is in front of it needn't be looked at again; at the end, behind the reply */
    size_t searched; /* the line at `at` doesn't end in front of it */
    uint32_t count;  /* values, with those of arrays */
    uint32_t depth;  /* arrays that aren't complete */
    uint32_t left[MP_RESP_DEPTH];
    const char *why;
} mp_resp_reply;

/* Looks at text[0, size), as above. DONE: its bytes are text[0, reply->at). */
enum mp_resp_outcome mp_resp_reply_feed(mp_resp_reply *reply, const mp_resp_limits *limits, const char *text,
                                        size_t size);

#endif
