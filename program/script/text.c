/*
 * The text of a file; see text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/text.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"
#include "system/system.h"

#define FIRST_CAPACITY ((size_t)4096) /* for a text without a size: pipes, files of /proc */
#define PIECE ((size_t)64 << 10)      /* bytes that are read at once */

static const char type_name[] = "moonport.Text";

/* --- the descriptor that is left for it ----------------------------------------------------------------- */

/* The process has one table of descriptors. */
static int held = -1;
static bool lent;

void program_hold_descriptor(void) {
    lent = false;
    if (held < 0)
        held = mp_system_hold_descriptor();
}

void program_lend_descriptor(void) {
    lent = true;
    if (held >= 0)
        mp_system_close(held);
    held = -1;
}

static void close_file(int fd) {
    mp_system_close_file(fd, &held);
    if (lent)
        program_lend_descriptor();
}

/* --- the userdata --------------------------------------------------------------------------------------- */

static void close_text(program_text *text) {
    if (text->fd >= 0)
        close_file(text->fd);
    text->fd = -1;
}

void program_free_text(program_text *text) {
    close_text(text);
    free(text->bytes);
    text->bytes = NULL;
}

static int collect_text(lua_State *L) {
    program_free_text(lua_touserdata(L, 1));
    return 0;
}

program_text *program_push_text(lua_State *L) {
    program_text *text = lua_newuserdatauv(L, sizeof *text, 0);
    *text = (program_text){.fd = -1};
    if (luaL_newmetatable(L, type_name)) {
        lua_pushcfunction(L, collect_text);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return text;
}

program_text *program_to_text(lua_State *L, int index) {
    return luaL_testudata(L, index, type_name);
}

/* --- reading -------------------------------------------------------------------------------------------- */

int program_open_text(program_text *text, const char *path, bool pipes) {
    int fd = mp_system_open_file(path, !pipes, PROGRAM_MOST_TEXT, &held, &text->capacity);
    if (lent)
        program_lend_descriptor(); /* it was held again behind a failure */
    if (fd < 0)
        return fd;
    text->fd = fd;
    return 0;
}

/* Has room for one more byte, which shows the end or that the text is too long, and for the NUL. */
static bool make_room(program_text *text) {
    size_t capacity = text->capacity;
    if (text->bytes && text->size < capacity)
        return true;
    if (text->bytes)
        capacity = 2 * capacity;
    else
        capacity = capacity > 0 ? capacity + 1 : FIRST_CAPACITY;
    if (capacity > PROGRAM_MOST_TEXT)
        capacity = PROGRAM_MOST_TEXT + 1;
    char *larger = realloc(text->bytes, capacity + 1);
    if (!larger)
        return false;
    text->bytes = larger;
    text->capacity = capacity;
    return true;
}

static int read_piece(program_text *text) {
    if (!make_room(text))
        return -ENOMEM;
    size_t room = text->capacity - text->size;
    ssize_t n = mp_system_read_file(text->fd, text->bytes + text->size, room < PIECE ? room : PIECE);
    if (n < 0)
        return (int)n;
    text->size += (size_t)n;
    text->bytes[text->size] = '\0';
    return text->size > PROGRAM_MOST_TEXT ? -EFBIG : n > 0;
}

int program_read_text(program_text *text) {
    int result = read_piece(text);
    if (result < 0)
        program_free_text(text);
    else if (result == 0)
        close_text(text);
    return result;
}

void program_push_text_error(lua_State *L, const char *path, int error) {
    if (error == -EFBIG) {
        lua_pushfstring(L, "cannot open %s: is longer than %d MiB", path, (int)(PROGRAM_MOST_TEXT >> 20));
        return;
    }
    const char *why = error == -EISDIR ? "is a folder" : error == -ENXIO ? "is no file" : strerror(-error);
    lua_pushfstring(L, "cannot open %s: %s", path, why);
}

/* --- what is in it -------------------------------------------------------------------------------------- */

const char *program_text_start(const program_text *text, size_t *length) {
    const char *start = text->bytes, *end = start + text->size;
    if (strncmp(start, "\xEF\xBB\xBF", 3) == 0)
        start += 3;
    if (*start == '#') {
        start = memchr(start, '\n', (size_t)(end - start));
        start = start ? start : end;
    }
    *length = (size_t)(end - start);
    return start;
}

bool program_is_bytecode_text(const program_text *text) {
    size_t length;
    const char *start = program_text_start(text, &length);
    return start[*start == '\n'] == *LUA_SIGNATURE; /* also after a first line that was left out */
}

bool program_is_text_of(const program_text *text, const char *path) {
    char piece[PIECE / 2];
    size_t size, at = 0;
    int fd = mp_system_open_file(path, true, PROGRAM_MOST_TEXT, &held, &size);
    if (fd < 0)
        return false;
    bool fits = size == 0 || size == text->size; /* files of /proc have no size */
    ssize_t n = fits;
    while (n > 0 && (n = mp_system_read_file(fd, piece, sizeof piece)) > 0) {
        if ((size_t)n > text->size - at || memcmp(text->bytes + at, piece, (size_t)n) != 0)
            break;
        at += (size_t)n;
    }
    close_file(fd);
    return fits && n == 0 && at == text->size;
}
