/*
 * The master of --workers: it starts the processes that run the script, and keeps their sockets and sources.
 * What it does is in Lua, in the files beside this one, which the build puts into the program: the module
 * moonport.program.master, that no script can load. This file has what its Lua needs beside the public
 * classes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_MASTER_H
#define PROGRAM_MASTER_H

#include <lua.h>

#include "options.h"

/* Lets this Lua state `require` the master's modules, and has the options run it in place of the script:
   `options` becomes what the master's own process does, `all` stays what was asked for. May raise. */
void program_open_master(lua_State *L, program_options *options, const program_options *all);

/* A visitor of the master's control comes, by this descriptor. */
void program_visit_master(lua_State *L, int fd);

#endif
