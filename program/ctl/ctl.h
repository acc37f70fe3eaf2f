/*
 * moonport ctl: asks a running program by its control socket (operate/). It is written in Lua, and uses
 * moonport itself, as a script in a plain Lua does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CTL_H
#define PROGRAM_CTL_H

#include <lua.h>
#include <stddef.h>

typedef struct program_ctl_module {
    const char *name;       /* as in require */
    const char *chunk_name; /* as luaL_loadbuffer takes it */
    const unsigned char *text;
    size_t size;
} program_ctl_module;

/* Its Lua; program/ctl/embed.cmake makes this list. The last one has no name. */
extern const program_ctl_module program_ctl_modules[];

/* Runs the command with these words. Returns an exit status. */
int program_ctl(int count, char **words);

/* Pushes the chunk of one of ctl's modules. Raises if there is none. */
void program_push_ctl_module(lua_State *L, const char *name);

#endif
