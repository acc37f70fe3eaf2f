/*
 * Signals of the system, and the timer that sends one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_INTERRUPT_H
#define MP_INTERRUPT_H

#include <signal.h>

/* Calls `handler` for a signal, while system calls that it interrupts go on; SIG_DFL and SIG_IGN are handlers too. Returns 0 or
   -errno. */
int mp_system_handle_signal(int number, void (*handler)(int));

/* Has writing to a pipe or a connection whose reader has gone fail with EPIPE instead of ending the process. A process that
   handles SIGPIPE itself keeps its way; programs that it starts begin with the system's. */
void mp_system_survive_sigpipe(void);

/* Sends SIGPROF whenever the process has used so much more of the processor, in milliseconds; 0: no longer. Returns 0 or -errno. */
int mp_system_set_cpu_timer(double msec);

/* Ends the process now; what was adopted blocks again (adoption.h). Both may be called by a signal's handler. */
_Noreturn void mp_system_exit(int status);

/* The same, by a signal: its handler has returned by then. */
void mp_system_die(int number);

#endif
