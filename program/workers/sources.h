/*
 * The sources of a run as a file without a name: what one worker has read, the others run, and one that is
 * started again later. The master keeps the file, and never reads it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCES_H
#define PROGRAM_SOURCES_H

#include <lua.h>

/* Writes the sources of an environment, a registry reference, to a new file. `texts`: how many of them there
   are as text. -> descriptor or -errno */
int program_pack_sources(lua_State *L, int environment, unsigned *texts);

/* How many of the environment's sources are there as text. */
unsigned program_count_texts(lua_State *L, int environment);

/* Reads such a file, and closes it. -> a reference to a table that has the sources as an environment has
   them, or LUA_NOREF: there is no memory for them */
int program_unpack_sources(lua_State *L, int fd);

#endif
