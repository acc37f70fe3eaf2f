/*
 * The modules that ship with moonport and are written in Lua, lua/moonport/…. Their text is part of the
 * program and of moonport.so, so they are found wherever these are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LIBRARY_H
#define BINDING_LIBRARY_H

#include <lua.h>
#include <stdbool.h>

typedef struct binding_library_module {
    const char *name;       /* as in require */
    const char *chunk_name; /* as luaL_loadbuffer takes it: "=moonport/test.lua" */
    const unsigned char *text;
    size_t length;
    lua_CFunction open; /* luaopen_…: what require calls */
} binding_library_module;

/* All of them; lua/embed.cmake makes this list. The last one has no name. library.c gets it as a
   parameter, since the list itself uses library.c. */
extern const binding_library_module binding_library[];

/* Puts each module into package.preload, and the functions in C that they use. */
void binding_preload_library(lua_State *L, const binding_library_module *modules);

/* Pushes the compiled chunk of the module and returns true; returns false and pushes nothing if no module
   has this name. */
bool binding_push_library(lua_State *L, const binding_library_module *modules, const char *name);

/* name, data -> the module: the body of each luaopen_… */
int binding_open_library(lua_State *L, const binding_library_module *module);

#endif
