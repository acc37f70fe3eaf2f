/*
 * moonport.work: functions that run in threads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_CLASS_WORK_H
#define BINDING_CLASS_WORK_H

#include "object/state.h"

void binding_open_work(lua_State *L, binding_state *state);

/* Sets what the next calls have: so many threads, with so many bytes for each. */
void binding_limit_work(binding_state *state, unsigned threads, size_t memory);

/* Whether what the functions load may be bytecode; it may at first. */
void binding_allow_work_bytecode(binding_state *state, bool allowed);

/* Ends the threads, at the end of the state. Jobs that run are interrupted; what isn't ended by that soon is
   left alone. */
void binding_end_work(binding_state *state);

/* work, for the module's table. */
extern const luaL_Reg binding_work_functions[];

#endif
