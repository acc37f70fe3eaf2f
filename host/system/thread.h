/*
 * A thread that takes turns with the one that started it. Only one of the two ever runs, so what both use
 * needs no lock: the thread is a second stack, for code that can't be left and entered again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_THREAD_H
#define MP_THREAD_H

#include <stdbool.h>

typedef struct mp_turns mp_turns;

/* Makes the thread, which calls `run` at its first turn. No signal is delivered to it. NULL: there is no
   memory, or none may be made. */
mp_turns *mp_system_start_turns(void (*run)(mp_turns *turns, void *context), void *context);

/* Has the thread run until it gives the turn back. -> false: it has ended */
bool mp_system_pass_turn(mp_turns *turns);

/* In the thread: has the other one run until it gives a turn again. */
void mp_system_return_turn(mp_turns *turns);

/* Frees it; it has ended. */
void mp_system_end_turns(mp_turns *turns);

#endif
