/*
 * The text of a script; see source.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/source.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/environment.h"
#include "system/file.h"
#include "system/system.h"

#define LONG ((size_t)128 << 10) /* bytes; what is shorter is compiled in a few milliseconds */

/* Memory that the collector frees if something raises meanwhile. */
typedef struct text_box {
    char *text;
} text_box;

static int free_text(lua_State *L) {
    text_box *box = lua_touserdata(L, 1);
    free(box->text);
    box->text = NULL;
    return 0;
}

static text_box *push_box(lua_State *L) {
    text_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->text = NULL;
    if (luaL_newmetatable(L, "moonport.Text")) {
        lua_pushcfunction(L, free_text);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return box;
}

/* The process has one table of descriptors. */
static int held = -1;

void program_hold_descriptor(void) {
    if (held < 0)
        held = mp_system_hold_descriptor();
}

void program_lend_descriptor(void) {
    if (held >= 0)
        mp_system_close(held);
    held = -1;
}

static const char *why_not(int error) {
    return error == -EISDIR ? "is a folder" : error == -ENXIO ? "is no file" : strerror(-error);
}

bool program_push_file(lua_State *L, const char *path, bool pipes) {
    text_box *box = push_box(L);
    size_t size = 0;
    int result = mp_system_read_file(path, !pipes, &held, &box->text, &size);
    if (result == 0)
        lua_pushlstring(L, box->text ? box->text : "", size);
    else
        lua_pushfstring(L, "cannot open %s: %s", path, why_not(result));
    free(box->text);
    box->text = NULL;
    lua_remove(L, -2);
    return result == 0;
}

/* Pushes the text of a file as the run has it, or a message and returns false. */
static bool push_source(lua_State *L, const char *path, int environment) {
    lua_getfield(L, environment, PROGRAM_SOURCES);
    bool there = lua_getfield(L, -1, path) == LUA_TSTRING;
    if (!there) {
        lua_pop(L, 1);
        lua_getfield(L, environment, PROGRAM_PIPE);
        bool pipes = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), path) == 0;
        lua_pop(L, 1);
        there = program_push_file(L, path, pipes);
        if (there) {
            lua_pushvalue(L, -1);
            lua_setfield(L, -3, path);
        }
    }
    lua_remove(L, -2);
    return there;
}

static bool is_bytecode(const char *text) {
    return text[*text == '\n'] == *LUA_SIGNATURE; /* behind a first line, too, that was left out */
}

/* Where Lua begins to read, as luaL_loadfile does, which the bytes don't come by: behind a byte-order mark and
   a first line that begins with "#". */
static const char *skip_head(const char *text, size_t length) {
    const char *start = text;
    if (strncmp(start, "\xEF\xBB\xBF", 3) == 0)
        start += 3;
    if (*start == '#') {
        start = memchr(start, '\n', length - (size_t)(start - text));
        start = start ? start : text + length;
    }
    return start;
}

/* Compiles the text on top, in whose place the function comes, or a message; where that is waited for,
   nothing. */
static enum program_compiled compile(lua_State *L, const char *path, program_compiler *compiler) {
    size_t length;
    int text_index = lua_gettop(L);
    const char *text = lua_tolstring(L, -1, &length), *start = skip_head(text, length);
    length -= (size_t)(start - text);
    const char *name = lua_pushfstring(L, "@%s", path);
    lua_insert(L, text_index);
    if (compiler && length >= LONG && !is_bytecode(start) &&
        program_begin_compiling(compiler, L, start, length, name)) {
        lua_settop(L, text_index - 1);
        return PROGRAM_WAITS;
    }
    bool compiled = luaL_loadbufferx(L, start, length, name, "t") == LUA_OK;
    if (is_bytecode(start))
        lua_pushfstring(L, "%s: is bytecode, and only text is run", path);
    lua_replace(L, text_index);
    lua_settop(L, text_index);
    return compiled ? PROGRAM_COMPILED : PROGRAM_WRONG;
}

/* The function on top sees the environment's globals. */
static void set_globals(lua_State *L, int environment) {
    lua_getfield(L, environment, PROGRAM_GLOBALS);
    lua_setupvalue(L, -2, 1);
}

enum program_compiled program_compile(lua_State *L, const char *path, int environment,
                                      program_compiler *compiler) {
    enum program_compiled result = PROGRAM_WRONG;
    environment = lua_absindex(L, environment);
    if (strcmp(path, "-") == 0)
        result = luaL_loadfilex(L, NULL, "t") == LUA_OK ? PROGRAM_COMPILED : PROGRAM_WRONG;
    else if (push_source(L, path, environment))
        result = compile(L, path, compiler);
    if (result == PROGRAM_COMPILED)
        set_globals(L, environment);
    return result;
}

bool program_take_compiled(lua_State *L, int environment, program_compiler *compiler) {
    environment = lua_absindex(L, environment);
    bool compiled = program_end_compiling(compiler, L);
    if (compiled)
        set_globals(L, environment);
    return compiled;
}
