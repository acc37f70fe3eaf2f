/*
 * Bytecode, which Lua runs without any check, so that it can do anything to the process. A state that
 * refuses it loads text alone, whatever mode it is asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_BYTECODE_H
#define BINDING_BYTECODE_H

#include <lua.h>

/* From now on the state refuses bytecode: `load` takes text alone, and so does who asks for the mode
   below. May raise on lack of memory. */
void binding_refuse_bytecode(lua_State *L);

/* So do loadfile, dofile and the searcher of modules in Lua, which were Lua's own. */
void binding_refuse_bytecode_files(lua_State *L);

/* The mode for lua_load where a script asks for this one (NULL: for none). NULL: that takes bytecode
   alone, which this state refuses; then the results nil, message are pushed. */
const char *binding_chunk_mode(lua_State *L, const char *asked);

#endif
