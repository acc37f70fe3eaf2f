/*
 * The pace of Lua's collector in the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_COLLECTOR_H
#define BINDING_COLLECTOR_H

#include "object/state.h"

/* Makes what the collector's pace needs in the state. Raises on lack of memory. */
void binding_open_collector(lua_State *L, binding_state *state);

/* Makes the collector keep the pace of collector.c, for the program. */
void binding_pace_collector(lua_State *L, binding_state *state);

/* Makes the collector run a full cycle at each allocation instead, for tests: an object that nothing holds
   is collected at once. */
void binding_collect_eagerly(lua_State *L);

/* Makes cycles due: all garbage, and what finalisers release, is collected soon. */
void binding_collect_soon(binding_state *state);

/* A step of the cycles that are due; true while there are more steps. */
bool binding_collect_due(binding_state *state);

/* A socket was released: the garbage of many is collected soon. */
void binding_note_release(binding_state *state);

#endif
