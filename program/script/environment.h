/*
 * The environment of one run of the script: its own globals, its own modules from the script's folder, and
 * the shared installed ones. It keeps the files that it was made from, so that they can be watched and run
 * again.
 *
 * An environment is a table with these fields.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_ENVIRONMENT_H
#define PROGRAM_ENVIRONMENT_H

#include <lua.h>

#include "options.h"

#define PROGRAM_GLOBALS "globals"      /* the run's _G */
#define PROGRAM_LOADED "loaded"        /* its modules */
#define PROGRAM_PACKAGE "package"      /* its package table */
#define PROGRAM_FOLDER "folder"        /* where its own modules are */
#define PROGRAM_TARGET_FOLDER "target" /* the same for the target of a linked script */
#define PROGRAM_SOURCES                                                                                      \
    "sources" /* path -> text of each file it was made from; false: it is missing; true: not read */
#define PROGRAM_PIPE "pipe"         /* the script, where that may be no file but a pipe */
#define PROGRAM_KEEPS_INPUT "keeps" /* true: a script from standard input is one of the sources */
#define PROGRAM_REQUIRE "require"   /* Lua's own */
#define PROGRAM_COMPILER "compiler" /* of its modules at a reload; a light userdata */
#define PROGRAM_LATE "late"         /* who learns of modules that are loaded later; a light userdata */
#define PROGRAM_STANDARD "standard" /* Lua's own modules; also a registry key */

/* Notes which modules are Lua's own; once, after luaL_openlibs. May raise. */
void program_keep_standard(lua_State *L);

/* -> a reference to a table that has the sources of the environment, a reference too, as that has them; or
   LUA_NOREF: there is no memory. */
int program_refer_to_sources(lua_State *L, int environment);

/* Pushes a fresh environment whose `moonport` is the table at index `module`. May raise. */
void program_push_environment(lua_State *L, const program_options *options, int module);

#endif
