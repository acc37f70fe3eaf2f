/*
 * The Semaphore class.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SEMAPHORE_H
#define BINDING_SEMAPHORE_H

#include "object/state.h"

/* moonport.Semaphore(…), for the module's table. */
int binding_new_semaphore(lua_State *L);

void binding_open_semaphore(lua_State *L, binding_state *state);

#endif
