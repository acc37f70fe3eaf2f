/*
 * The names of signals, and the check of handlers by them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SIGNAL_NAME_H
#define BINDING_SIGNAL_NAME_H

#include "object/state.h"

/* The signal `name` of `kind`, its own or one that it inherits, or -1. */
int binding_signal(enum mp_kind kind, const char *name);
const char *binding_signal_name(enum mp_signal signal);

/* Has the names at hand as strings. */
void binding_open_signal_names(lua_State *L, binding_state *state);

/* The signal `name` of `kind`; raises if there is none, with the one that was meant, or whose it is. */
enum mp_signal binding_check_signal(lua_State *L, enum mp_kind kind, const char *name);

/* Raises if a function is stored under a name that is nearly a signal's, or the signal of another class, or
   something else under a signal's own. `key` and `value` are stack indices. */
void binding_check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value);

#endif
