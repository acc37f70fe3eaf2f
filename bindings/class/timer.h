/*
 * moonport.Timer and moonport.singleShot.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_TIMER_H
#define BINDING_TIMER_H

#include "object/state.h"

void binding_open_timer(lua_State *L, binding_state *state);

/* The constructor, and moonport.singleShot; upvalues as of all functions of the module. */
int binding_new_timer(lua_State *L);
int binding_single_shot(lua_State *L);

#endif
