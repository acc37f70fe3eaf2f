/*
 * The pace of Lua's collector in the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_COLLECTOR_H
#define BINDING_COLLECTOR_H

#include "object/state.h"

/* Makes what the collector's pace needs of the state. Raises on lack of memory. */
void binding_open_collector(lua_State *L, binding_state *state);

/* Has the collector keep the pace of collector.c, for the program. */
void binding_pace_collector(lua_State *L, binding_state *state);

/* Has the collector go through all at each allocation instead, for tests: what is held by nothing is gone at
   once. */
void binding_collect_eagerly(lua_State *L);

/* All garbage is to be collected, with what finalisers let go: cycles are due. */
void binding_collect_soon(binding_state *state);

/* A step of the cycles that are due; true while there is more of them. */
bool binding_collect_due(binding_state *state);

/* A socket has been released: the garbage of many is collected soon. */
void binding_note_release(binding_state *state);

#endif
