/*
 * moonport.onSignal: signals of the system as events. The program's signal handlers wake the loop, and ask
 * here first; what nobody takes they handle themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SYSTEM_SIGNAL_H
#define BINDING_SYSTEM_SIGNAL_H

#include "object/generation.h"

/* True if the code that serves takes the signal. A signal handler may call it. */
bool binding_takes_signal(const binding_state *state, int number);

/* Runs the functions of the code that serves for the signal, from the loop. False: there are none. */
bool binding_signal_raised(binding_state *state, int number);

/* onSignal, for the module's table. */
extern const luaL_Reg binding_system_signal_functions[];

#endif
