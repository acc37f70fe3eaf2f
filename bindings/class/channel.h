/*
 * The Channel class.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_CHANNEL_H
#define BINDING_CHANNEL_H

#include "object/state.h"

/* moonport.Channel(…), for the module's table. */
int binding_new_channel(lua_State *L);

void binding_open_channel(lua_State *L, binding_state *state);

#endif
