/*
 * moonport.test.process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PROCESS_H
#define BINDING_PROCESS_H

#include <lua.h>

/* What moonport.test needs in C. */
__attribute__((visibility("default"))) int luaopen_moonport_test_process(lua_State *L);

#endif
