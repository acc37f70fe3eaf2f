/*
 * The sources of a run as a file without a name: what one worker has read, the others run, and one that is
 * started again later. The master keeps the file, and never reads it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_SOURCES_H
#define PROGRAM_SOURCES_H

#include <lua.h>

/* Writes those sources of an environment, a registry reference, that the others don't have to a new file.
   -> descriptor; -ENODATA: they have all; or -errno */
int program_pack_sources(lua_State *L, int environment);

/* Reads such a file, closes it, and adds the sources that the environment hasn't. LUA_NOREF becomes a
   reference to a new table that has them as an environment has them. -> 0 or -errno */
int program_unpack_sources(lua_State *L, int *environment, int fd);

#endif
