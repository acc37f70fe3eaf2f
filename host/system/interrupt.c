/*
 * Signals of the system; see interrupt.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/interrupt.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#ifdef __linux__
#include <sys/eventfd.h>
#else
#include <fcntl.h>
#endif
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "system/adoption.h"
#include "system/socket_file.h"

int mp_system_handle_signal(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

int mp_system_open_bell(int fds[2]) {
#ifdef __linux__
    fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fds[0] < 0 ? -errno : 0;
#else
    return pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0;
#endif
}

void mp_system_silence_bell(int fd) {
    uint64_t read_by_now;
    while (read(fd, &read_by_now, sizeof read_by_now) > 0)
        ;
}

void mp_system_close_bell(int fds[2]) {
    close(fds[0]);
    if (fds[1] != fds[0])
        close(fds[1]);
}

/* A full bell already rings. */
void mp_system_give_notice(mp_notice *notice) {
    uint64_t one = 1;
    int error = errno;
    notice->given = 1;
    (void)!write(notice->fd, &one, sizeof one);
    errno = error;
}

/* Global: a signal handler has no other way to find them. */
static mp_notice *notices[NSIG];

static void on_signal(int number) {
    mp_system_give_notice(notices[number]);
}

void mp_system_notice_signal(int number, mp_notice *notice) {
    if (notice)
        notices[number] = notice;
    (void)mp_system_handle_signal(number, notice ? on_signal : SIG_DFL);
}

static void do_nothing(int number) {
    (void)number;
}

/* A handler, not SIG_IGN, which executed programs would inherit. */
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

int mp_system_set_clock_timer(int number, double msec) {
    static timer_t timer;
    static bool made;
    if (made)
        (void)timer_delete(timer);
    made = false;
    if (msec <= 0)
        return 0;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number};
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
        return -errno;
    made = true;
    struct timespec interval = {(time_t)(msec / 1e3), (long)(fmod(msec, 1e3) * 1e6)};
    struct itimerspec when = {interval, interval};
    return timer_settime(timer, 0, &when, NULL) < 0 ? -errno : 0;
}

double mp_system_thread_cpu_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

void mp_system_exit(int status) {
    mp_system_give_back_all();
    mp_system_remove_socket_files();
    _exit(status);
}

void mp_system_die(int number) {
    mp_system_give_back_all();
    mp_system_remove_socket_files();
    (void)mp_system_handle_signal(number, SIG_DFL);
    (void)raise(number);
}

void mp_system_end_in(unsigned seconds) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGALRM, &standard, NULL);
    (void)alarm(seconds);
}
