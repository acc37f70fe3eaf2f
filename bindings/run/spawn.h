/*
 * moonport.spawn and the Task class.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SPAWN_H
#define BINDING_SPAWN_H

#include "run/task.h"

/* A spawned task's start at the commit of its generation, and its end. */
void binding_start_spawned(mp_object *object);
void binding_cancel_spawned(mp_object *object);

/* For the kind of such a task: keeps its results. */
void binding_spawned_ended(binding_task *task, int status, int count);

void binding_open_spawn(lua_State *L, binding_state *state);

/* spawn, for the module's table. */
extern const luaL_Reg binding_spawn_functions[];

#endif
