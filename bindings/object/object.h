/*
 * Objects as scripts see them: methods, then fields and handlers, then the prototype.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_OBJECT_H
#define BINDING_OBJECT_H

#include "object/box.h"
#include "object/class.h"

/* Ends the making of an object's class: on the stack the metatable and the methods, both popped. Adds what
   all objects have; `finish` closes one. */
void binding_finish_class(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                          lua_CFunction to_string, lua_CFunction finish);

/* Pushes the table of a box's fields, which it makes if there is none. */
void binding_make_fields(lua_State *L, binding_state *state, int index);

#endif
