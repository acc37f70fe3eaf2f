/*
 * moonport.lasting: what modules of lua/moonport are made of whose connections outlive each run of the
 * script. It is a table of the module `moonport` for a generation that always serves: nothing that it makes
 * belongs to a run, ends with one, or keeps the loop running. It is private to the library.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LASTING_H
#define BINDING_LASTING_H

#include "object/state.h"

__attribute__((visibility("default"))) int luaopen_moonport_lasting(lua_State *L);

/* A run has taken over, or was rolled back. */
void binding_tell_lasting(binding_state *state);

#endif
