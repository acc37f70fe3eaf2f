/*
 * moonport.log: lines of the script in the log.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOG_H
#define BINDING_LOG_H

#include "object/state.h"

/* Pushes the table with a function for each level. */
void binding_push_log(lua_State *L, binding_state *state);

#endif
