/*
 * The text of a script; see source.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/source.h"

#include <lauxlib.h>
#include <string.h>

#include "run/bytecode.h"
#include "script/environment.h"

/* Pushes the text of a file that the run has, or a new text to read, or a message and returns NULL. Until the
   text has been read, the run only knows the file. */
static program_text *push_source(lua_State *L, const char *path, int environment) {
    lua_getfield(L, environment, PROGRAM_SOURCES);
    lua_getfield(L, -1, path);
    program_text *text = program_to_text(L, -1);
    if (!text) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -3, path);
        lua_pop(L, 1);
        lua_getfield(L, environment, PROGRAM_PIPE);
        bool pipes = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), path) == 0;
        lua_pop(L, 1);
        text = program_push_text(L);
        int result = program_open_text(text, strcmp(path, "-") == 0 ? "/dev/stdin" : path, pipes);
        if (result < 0) {
            program_push_text_error(L, path, result);
            lua_replace(L, -2);
            text = NULL;
        }
    }
    lua_remove(L, -2);
    return text;
}

/* Gives the function on top the environment's globals. */
static enum program_compiled set_globals(lua_State *L, int environment) {
    lua_getfield(L, environment, PROGRAM_GLOBALS);
    lua_setupvalue(L, -2, 1);
    return PROGRAM_COMPILED;
}

/* Stack: text, the function or a message -> that alone. The run keeps a text that has been read. */
static enum program_compiled take(lua_State *L, const char *path, int environment, bool compiled) {
    const program_text *text = program_to_text(L, -2);
    if (!compiled && program_is_whole_text(text) && program_is_bytecode_text(text)) {
        lua_pushfstring(L, "%s: is bytecode, and only text is run", path);
        lua_replace(L, -2);
    }
    if (program_is_whole_text(text)) {
        lua_getfield(L, environment, PROGRAM_SOURCES);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, path);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
    return compiled ? set_globals(L, environment) : PROGRAM_WRONG;
}

static bool keeps_input(lua_State *L, int environment) {
    lua_getfield(L, environment, PROGRAM_KEEPS_INPUT);
    bool keeps = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return keeps;
}

enum program_compiled program_compile(lua_State *L, const char *path, int environment,
                                      program_compiler *compiler) {
    environment = lua_absindex(L, environment);
    if (strcmp(path, "-") == 0 && !keeps_input(L, environment))
        return luaL_loadfilex(L, NULL, binding_chunk_mode(L, NULL)) == LUA_OK ? set_globals(L, environment)
                                                                              : PROGRAM_WRONG;
    if (!push_source(L, path, environment))
        return PROGRAM_WRONG;
    if (compiler && program_begin_compiling(compiler, L, path)) {
        lua_pop(L, 1);
        return PROGRAM_WAITS;
    }
    return take(L, path, environment, program_compile_text(L, path, binding_chunk_mode(L, NULL)));
}

bool program_take_compiled(lua_State *L, const char *path, int environment, program_compiler *compiler) {
    environment = lua_absindex(L, environment);
    return take(L, path, environment, program_end_compiling(compiler, L)) == PROGRAM_COMPILED;
}
