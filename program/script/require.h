/*
 * `require` of a run: modules of the script's folder are the run's own, installed ones are shared by all
 * runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_REQUIRE_H
#define PROGRAM_REQUIRE_H

#include <lua.h>

#include "loop/watcher.h"

/* Who learns that a run, or code of it that serves, has asked for a module: soon, when it has been loaded. */
typedef struct program_late_modules {
    mp_soon soon;
    mp_loop *loop;
    void (*run)(mp_soon *soon);
} program_late_modules;

/* require(name), a closure with the environment as its upvalue. */
int program_require(lua_State *L);

#endif
