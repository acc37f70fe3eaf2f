/*
 * The names of signals, and the check of handlers by them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SIGNAL_NAME_H
#define BINDING_SIGNAL_NAME_H

#include "object/state.h"

/* The signal `name` of `kind`, its own or an inherited one, or -1. */
int binding_signal(enum mp_kind kind, const char *name);
const char *binding_signal_name(enum mp_signal signal);

/* Makes the names available as strings. */
void binding_open_signal_names(lua_State *L, binding_state *state);

/* The signal `name` of `kind`. If there is none, raises with the likely one, or with the class that has
   it. */
enum mp_signal binding_check_signal(lua_State *L, enum mp_kind kind, const char *name);

/* Raises if a function is stored under a name similar to a signal's, or of another class's signal, or if
   another value is stored under a signal's name. `key` and `value` are stack indices. */
void binding_check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value);

#endif
