/*
 * The way from the loop into the handlers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_EMIT_H
#define BINDING_EMIT_H

#include "run/task.h"

/* Runs the handlers of a signal, then wakes the tasks that wait for it. */
void binding_emit(mp_object *object, enum mp_signal signal, intptr_t argument);

/* Whose generation a handler belongs to. */
enum binding_origin { ORIGIN_NONE, ORIGIN_OBJECT, ORIGIN_PROTOTYPE };

/* Pushes the object's own handler or the prototype's; another value if there is none. The object is at
   index `self`, the signal's name at `name`. */
enum binding_origin binding_push_handler(lua_State *L, mp_object *object, int self, int name);

/* The task is about to run a handler. */
void binding_begin_handler(binding_task *task, mp_object *object, enum mp_signal signal,
                           enum binding_origin origin);

/* The upcall: would a handler see this signal of the object? */
bool binding_has_handler(mp_object *object, enum mp_signal signal);

#endif
