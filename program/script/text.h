/*
 * The text of a file: a userdata, read piece by piece, so that even a large file doesn't stop the service. A
 * text has a limit, so that no file can use up the service's memory or time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_TEXT_H
#define PROGRAM_TEXT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_MOST_TEXT ((size_t)16 << 20) /* bytes of a script, and of a module */

typedef struct program_text {
    int fd;      /* -1: no more is read */
    char *bytes; /* followed by a NUL; NULL: there is none yet */
    size_t size;
    size_t capacity;
    bool shared; /* other processes of the program have it */
} program_text;

/* Reserves a descriptor for when no other is left. */
void program_hold_descriptor(void);

/* Releases it for code that opens files by itself; call program_hold_descriptor afterwards. */
void program_lend_descriptor(void);

/* Pushes an empty text. May raise on lack of memory. */
program_text *program_push_text(lua_State *L);

/* The text at an index, or NULL. */
program_text *program_to_text(lua_State *L, int index);

/* Opens the file, whose size is then `capacity`. Refuses pipes and devices, which may block, unless `pipes`
   is true. -> 0 or -errno */
int program_open_text(program_text *text, const char *path, bool pipes);

/* Reads a piece. -> 1: there may be more · 0: that was all · -errno, and the text is dropped. After the last
   two the file is closed. */
int program_read_text(program_text *text);

/* True if everything was read. */
static inline bool program_is_whole_text(const program_text *text) {
    return text->bytes && text->fd < 0;
}

/* Frees the bytes, and stops reading. The collector doesn't see how large a text is, and may free it late. */
void program_free_text(program_text *text);

/* Pushes what is wrong with the file. May raise on lack of memory. */
void program_push_text_error(lua_State *L, const char *path, int error);

/* Where Lua begins to read, as with luaL_loadfile: after a byte-order mark and a first line that begins with
   "#". */
const char *program_text_start(const program_text *text, size_t *length);

/* True if it is bytecode, from string.dump. */
bool program_is_bytecode_text(const program_text *text);

/* True if the file has this text now. */
bool program_is_text_of(const program_text *text, const char *path);

#endif
