/*
 * moonport.fail: a handler ends because of what its peer has done. That is no error of the script.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PEER_FAULT_H
#define BINDING_PEER_FAULT_H

#include "object/state.h"

/* True if the error value on top of `from` is one of moonport.fail. */
bool binding_is_peer_fault(lua_State *from);

/* Prepares the state for such errors. Raises on lack of memory. */
void binding_open_peer_faults(lua_State *L, binding_state *state);

/* fail, for the module's table. */
extern const luaL_Reg binding_peer_fault_functions[];

#endif
