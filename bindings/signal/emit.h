/*
 * The door between the loop and the handlers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_EMIT_H
#define BINDING_EMIT_H

#include "run/task.h"

/* Runs the handlers of a signal, then wakes those who wait for it. */
void binding_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* Whose a handler is: it belongs to the generation of that. */
enum binding_origin { ORIGIN_NONE, ORIGIN_OBJECT, ORIGIN_PROTOTYPE };

/* Pushes the field's own handler or the prototype's; something else if there is none. The object is at index
   `self`, the signal's name at `name`. */
enum binding_origin binding_push_handler(lua_State *L, mp_object *object, int self, int name);

/* The task is about to run a handler. */
void binding_begin_handler(binding_task *task, mp_object *object, enum mp_signal signal,
                           enum binding_origin origin);

#endif
