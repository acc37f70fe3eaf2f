/*
 * Signals of the system; see interrupt.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/interrupt.h"

#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

#include "system/adoption.h"

int mp_system_handle_signal(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

static void do_nothing(int number) {
    (void)number;
}

/* A handler, not SIG_IGN: that would be inherited by what is executed. */
void mp_system_survive_sigpipe(void) {
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        (void)mp_system_handle_signal(SIGPIPE, do_nothing);
}

int mp_system_set_cpu_timer(double msec) {
    struct timeval interval = {(time_t)(msec / 1000), (suseconds_t)((long)(msec * 1000) % 1000000)};
    struct itimerval timer = {interval, interval};
    return setitimer(ITIMER_PROF, &timer, NULL) < 0 ? -errno : 0;
}

void mp_system_exit(int status) {
    mp_system_give_back_all();
    _exit(status);
}

void mp_system_die(int number) {
    mp_system_give_back_all();
    (void)mp_system_handle_signal(number, SIG_DFL);
    (void)raise(number);
}
