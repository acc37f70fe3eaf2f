/*
 * Signals of the system, and the timer that sends one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_INTERRUPT_H
#define MP_INTERRUPT_H

#include <signal.h>

/* Calls `handler` for a signal, while system calls that it interrupts go on; SIG_DFL and SIG_IGN are handlers
   too. Returns 0 or -errno. */
int mp_system_handle_signal(int number, void (*handler)(int));

/* What a signal's handler leaves for the loop: that it ran, and something to read in the bell whose end `fd`
   is. */
typedef struct mp_notice {
    volatile sig_atomic_t given;
    int fd;
} mp_notice;

/* Makes a bell: fds[0] has something to read from the first notice with fds[1] on until
   mp_system_silence_bell(fds[0]). The two may be one. Returns 0 or -errno. */
int mp_system_open_bell(int fds[2]);
void mp_system_silence_bell(int fd);
void mp_system_close_bell(int fds[2]);

/* A signal's handler may call it. */
void mp_system_give_notice(mp_notice *notice);

/* Has a signal give notice instead of what it did before; NULL: the system's way again. */
void mp_system_notice_signal(int number, mp_notice *notice);

/* Has writing to a pipe or a connection whose reader has gone fail with EPIPE instead of ending the process.
   A process that handles SIGPIPE itself keeps its way; programs that it starts begin with the system's. */
void mp_system_survive_sigpipe(void);

/* Sends SIGPROF whenever the process has used so much more of the processor, in milliseconds; 0: no longer.
   Returns 0 or -errno. */
int mp_system_set_cpu_timer(double msec);

/* Ends the process now; what was adopted blocks again (adoption.h). Both may be called by a signal's
   handler. */
_Noreturn void mp_system_exit(int status);

/* The same, by a signal: its handler has returned by then. */
void mp_system_die(int number);

#endif
