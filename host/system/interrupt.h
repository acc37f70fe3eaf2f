/*
 * Signals of the system, and the timer that sends one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_INTERRUPT_H
#define MP_INTERRUPT_H

#include <signal.h>

/* Sets `handler` for a signal; it doesn't interrupt system calls. SIG_DFL and SIG_IGN are handlers too.
   Returns 0 or -errno. */
int mp_system_handle_signal(int number, void (*handler)(int));

/* How a signal handler reaches the loop: it records that it ran, and makes the bell at `fd` readable. */
typedef struct mp_notice {
    volatile sig_atomic_t given;
    int fd;
} mp_notice;

/* Makes a bell: fds[0] is readable from the first notice to fds[1] until mp_system_silence_bell(fds[0]). Both
   may be the same descriptor. Returns 0 or -errno. */
int mp_system_open_bell(int fds[2]);
void mp_system_silence_bell(int fd);
void mp_system_close_bell(int fds[2]);

/* A signal handler may call it. */
void mp_system_give_notice(mp_notice *notice);

/* Has a signal give notice, instead of what it did before; NULL: restores the system's default. */
void mp_system_notice_signal(int number, mp_notice *notice);

/* Makes a write to a pipe or connection without a reader fail with EPIPE instead of ending the process. A
   process that handles SIGPIPE itself keeps its handler; programs that it starts get the system's default. */
void mp_system_survive_sigpipe(void);

/* Sends SIGPROF whenever the process has used another `msec` milliseconds of CPU time; 0: stops. Returns 0 or
   -errno. */
int mp_system_set_cpu_timer(double msec);

/* Sends a signal to the calling thread every `msec` milliseconds by the clock, also while it sleeps; 0:
   stops. There is one such timer. Returns 0 or -errno. */
int mp_system_set_clock_timer(int number, double msec);

/* Milliseconds of CPU time that the calling thread has used. A signal handler may call it. */
double mp_system_thread_cpu_time(void);

/* Ends the process in so many seconds, whatever it does. A signal handler may call it. */
void mp_system_end_in(unsigned seconds);

/* Ends the process now; adopted descriptors block again (adoption.h). A signal handler may call this function
   and the next. */
_Noreturn void mp_system_exit(int status);

/* The same, by a signal, after its handler has returned. */
void mp_system_die(int number);

#endif
