/*
 * The module table `moonport`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_MOONPORT_H
#define BINDING_MOONPORT_H

#include "object/state.h"

/* Pushes a table of the module's functions for the generation whose handle is at index `generation`; if
   that is nil, for the generation of each caller. */
void binding_push_module(lua_State *L, binding_state *state, int generation);

/* Begins the next generation and pushes its table. */
binding_generation *binding_push_new_module(lua_State *L, binding_state *state);

#endif
