/*
 * Objects as scripts see them: methods, then fields and handlers, then the prototype.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_OBJECT_H
#define BINDING_OBJECT_H

#include "object/box.h"
#include "object/class.h"

/* Adds the methods of a class that is finished, as they are: they cost no memory and no work of the collector
   again. Stack: the methods. */
void binding_inherit(lua_State *L, const binding_state *state, int base);

/* Completes an object's class. Stack: the metatable and the methods; pops both. Adds what all objects
   have; `finish` closes an object. */
void binding_finish_class(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                          lua_CFunction to_string, lua_CFunction finish);

/* Pushes the table of a box's fields, and makes it if there is none. */
void binding_make_fields(lua_State *L, binding_state *state, int index);

#endif
