/*
 * Starting programs and learning of their ends, where Lua's specs don't reach: which call has failed, what
 * becomes of a child of which nothing could be learnt, and standard descriptors that are closed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "system/process.h"

static mp_spawn of(char *const *arguments) {
    return (mp_spawn){.program = arguments[0], .arguments = arguments, .standard = {-1, -1, -1}};
}

/* Waits for its end. */
static mp_exit end_of(int process) {
    mp_exit how = {-1, false};
    struct pollfd ended = {.fd = process, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 5000), 1);
    assert_int_equal(mp_system_look_at_exit(process, &how), 1);
    return how;
}

static void finish(pid_t pid, int process) {
    mp_system_reap(process);
    assert_int_equal(close(process), 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void starts_and_learns_of_the_end(void **state) {
    char *arguments[] = {"sh", "-c", "exit 7", NULL};
    mp_spawn spawn = of(arguments);
    pid_t pid;
    int process;
    (void)state;
    assert_int_equal(mp_system_spawn(&spawn, &pid, &process), 0);
    mp_exit how = end_of(process);
    assert_int_equal(how.status, 7);
    assert_false(how.signalled);
    assert_int_equal(mp_system_look_at_exit(process, &how), 1); /* it stays as it is */
    finish(pid, process);
}

static void names_the_call_that_fails(void **state) {
    char *arguments[] = {"/no/such/program", NULL}, *existing[] = {"true", NULL};
    const mp_resource_limit limit = {RLIMIT_NOFILE, 2000000000, 2000000000};
    const struct {
        mp_spawn spawn;
        const char *call;
        int error;
    } cases[] = {
        {of(arguments), "execve", ENOENT},
        {{.program = "true", .arguments = existing, .standard = {-1, -1, -1}, .folder = "/no/folder"},
         "chdir",
         ENOENT},
        {{.program = "true",
          .arguments = existing,
          .standard = {-1, -1, -1},
          .limits = &limit,
          .limit_count = 1},
         "setrlimit",
         EPERM},
        {{.program = "true", .arguments = existing, .standard = {999, -1, -1}}, "dup2", EBADF},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int detached = 0; detached < 2; detached++) {
            mp_spawn spawn = cases[i].spawn;
            pid_t pid;
            int process;
            spawn.detached = detached;
            assert_int_equal(mp_system_spawn(&spawn, &pid, &process), -cases[i].error);
            assert_string_equal(spawn.failed, cases[i].call);
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        }
    }
}

/* Not even for a moment, in which it could do something. */
static void a_program_of_which_nothing_could_be_learnt_does_not_run(void **state) {
    char path[] = "/tmp/moonport-XXXXXX";
    char *arguments[] = {"rm", path, NULL};
    mp_spawn spawn = of(arguments);
    struct rlimit before, none;
    int file = mkstemp(path), lowest = dup(0);
    (void)state;
    assert_true(file >= 0);
    assert_int_equal(close(lowest), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)lowest;
    for (int i = 0; i < 50; i++) {
        pid_t pid;
        int process;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int result = mp_system_spawn(&spawn, &pid, &process);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(result, -EMFILE);
        assert_string_equal(spawn.failed, "fork");
        assert_int_equal(pid, -1);
        assert_int_equal(process, -1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(close(file), 0);
}

static void pipes_are_no_standard_descriptors(void **state) {
    int kept = fcntl(0, F_DUPFD_CLOEXEC, 10), fds[2];
    (void)state;
    assert_int_equal(close(0), 0);
    assert_int_equal(mp_system_process_pipe(fds, 1), 0);
    assert_true(fds[0] > 2 && fds[1] > 2);
    assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[0], F_GETFD) & fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    int file = mp_system_open_standard_file("/dev/null", 1, true);
    assert_true(file > 2);
    assert_int_equal(fcntl(file, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
    close(file);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(dup2(kept, 0), 0);
    close(kept);
}

/* A FIFO without a reader would wait for one. */
static void nothing_waits_for_a_fifo(void **state) {
    (void)state;
    char path[] = "/tmp/moonport-process-XXXXXX";
    int fd = mkstemp(path);
    close(fd);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(mp_system_open_standard_file(path, 1, false), -ENXIO);
    unlink(path);
}

static void signals_reach_the_process_and_its_group(void **state) {
    char *arguments[] = {"sleep", "1000", NULL};
    mp_spawn spawn = of(arguments);
    pid_t pid;
    int process;
    (void)state;
    spawn.own_group = true;
    for (int group = 0; group < 2; group++) {
        assert_int_equal(mp_system_spawn(&spawn, &pid, &process), 0);
        assert_int_equal(getpgid(pid), pid);
        assert_int_equal(group ? mp_system_signal_group(pid, process, SIGTERM)
                               : mp_system_signal_process(process, SIGTERM),
                         0);
        mp_exit how = end_of(process);
        assert_true(how.signalled);
        assert_int_equal(how.status, SIGTERM);
        finish(pid, process);
    }
}

static void a_process_that_ignores_its_children_heeds_them(void **state) {
    char *arguments[] = {"false", NULL};
    mp_spawn spawn = of(arguments);
    pid_t pid;
    int process;
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(mp_system_spawn(&spawn, &pid, &process), 0);
    assert_int_equal(end_of(process).status, 1);
    finish(pid, process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_learns_of_the_end),
        cmocka_unit_test(names_the_call_that_fails),
        cmocka_unit_test(a_program_of_which_nothing_could_be_learnt_does_not_run),
        cmocka_unit_test(pipes_are_no_standard_descriptors),
        cmocka_unit_test(nothing_waits_for_a_fifo),
        cmocka_unit_test(signals_reach_the_process_and_its_group),
        cmocka_unit_test(a_process_that_ignores_its_children_heeds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
