/*
 * Lines from a terminal, edited with libedit if that is installed. It is loaded only then: a service needs
 * none.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_LINE_READER_H
#define PROGRAM_LINE_READER_H

#include <lua.h>

/* lineReader(complete) -> function(prompt) -> line | nil at the end. `complete` gets what stands before the
   cursor, and gives a list of names that it may become. A lua_CFunction. */
int program_line_reader(lua_State *L);

#endif
