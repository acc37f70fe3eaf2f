/*
 * The Condition class.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_CONDITION_H
#define BINDING_CONDITION_H

#include "object/state.h"

/* moonport.Condition(…), for the module's table. */
int binding_new_condition(lua_State *L);

void binding_open_condition(lua_State *L, binding_state *state);

#endif
