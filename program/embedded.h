/*
 * The program's own modules in Lua, which the build puts into it; no script can load them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_EMBEDDED_H
#define PROGRAM_EMBEDDED_H

#include <lua.h>
#include <stddef.h>

typedef struct program_module {
    const char *name;       /* as in require */
    const char *chunk_name; /* as luaL_loadbuffer takes it */
    const unsigned char *text;
    size_t size;
} program_module;

/* Those of ctl/, metrics/, store/ and workers/; program/embed.cmake makes these lists. The last one has no
   name. */
extern const program_module program_ctl_modules[], program_metrics_modules[], program_store_modules[],
    program_workers_modules[];

/* Pushes the chunk of the module with this name. Raises if there is none. */
void program_push_module_named(lua_State *L, const program_module *list, const char *name);

/* Lets the program's own code require the modules and pages of a list, or only one of them. */
void program_preload_modules(lua_State *L, const program_module *list, const char *only);

#endif
