/*
 * A thread that takes turns with the thread that started it. Only one of them runs at a time, so what both
 * use needs no lock. The thread is a second stack, for code that can't be left and entered again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_THREAD_H
#define MP_THREAD_H

#include <stdbool.h>

typedef struct mp_turns mp_turns;

/* Makes the thread, which calls `run` in its first turn. Signals are delivered to whichever of the two has
   the turn, and are blocked in the other. NULL: there is no memory, or no thread may be made. */
mp_turns *mp_system_start_turns(void (*function)(mp_turns *turns, void *context), void *context);

/* Runs the thread until it returns the turn. -> false: it ended */
bool mp_system_pass_turn(mp_turns *turns);

/* In the thread: returns the turn, and waits for the next. */
void mp_system_return_turn(mp_turns *turns);

/* Frees it after it ends. */
void mp_system_end_turns(mp_turns *turns);

#endif
