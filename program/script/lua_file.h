/*
 * Lua's ways to load files: loadfile, dofile, and the searcher of installed modules. These read no more than
 * the limit of a text.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_LUA_FILE_H
#define PROGRAM_LUA_FILE_H

#include <lua.h>
#include <stdbool.h>

/* Replaces Lua's own in the state's globals; once, after luaL_openlibs. May raise. */
void program_limit_files(lua_State *L);

/* Compiles a file as luaL_loadfilex does: pushes the function, or a message and returns false. With `pipes`
   it also reads pipes and devices, and waits for them. May raise on lack of memory. */
bool program_load_file(lua_State *L, const char *path, const char *mode, bool pipes);

/* Takes the function on top, compiled from the file of an installed module: the searcher returns it if it
   finds that file. nil and NULL withdraw it. May raise on lack of memory. */
void program_offer_loader(lua_State *L, const char *path);

#endif
