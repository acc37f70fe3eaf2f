/*
 * Other programs; see process.h.
 *
 * A new process shares this one's memory until it runs its program, and this one stands still meanwhile
 * (CLONE_VFORK). So the child changes nothing but its own stack and the record of its start, no signal
 * handler may run in it, and it calls only what needs no lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "system/retry.h"

#ifdef __linux__
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#endif

/* --- resources ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int resource;
} resources[] = {
    {"as", RLIMIT_AS},         {"core", RLIMIT_CORE},   {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},     {"fsize", RLIMIT_FSIZE}, {"memlock", RLIMIT_MEMLOCK},
    {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"stack", RLIMIT_STACK},
};

enum { RESOURCES = sizeof resources / sizeof *resources };

int mp_system_resource(const char *name) {
    for (int i = 0; i < RESOURCES; i++)
        if (strcmp(resources[i].name, name) == 0)
            return resources[i].resource;
    return -1;
}

const char *mp_system_resource_name(int number) {
    return number < RESOURCES ? resources[number].name : NULL;
}

/* --- the child ------------------------------------------------------------------------------------------ */

#ifdef __linux__

#define STACK_SIZE 65536

/* AddressSanitizer knows only the stacks of threads, and would complain when these functions don't return. */
#define ON_OTHER_STACK __attribute__((no_sanitize_address))

typedef struct child {
    mp_spawn *spawn;
    const char *path; /* PATH, where programs are */
    pid_t parent;
    sigset_t mask; /* what it blocks, before it runs the program: nothing */
    pid_t grandchild;
    char *second_stack; /* of a detached one */
    volatile int error;
} child;

static rlim_t limit_of(uint64_t value) {
    return value == MP_RESOURCE_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
}

/* Signals do what they do by default, also those that this process ignores. */
static void reset_signals(const mp_spawn *spawn) {
    struct sigaction standard = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
    for (int i = 1; i < NSIG; i++) {
        bool sheltered = i == SIGHUP || i == SIGINT || i == SIGTERM || i == spawn->parting;
        (void)sigaction(i, sheltered && spawn->sheltered ? &ignored : &standard, NULL);
    }
}

/* Closes all descriptors from `first` as the program begins. An old system lacks the call: then ours are
   close-on-exec anyway. */
static void close_others(int first) {
    enum { MOST = 65536 };
    struct rlimit most;
    if (syscall(SYS_close_range, first, ~0U, 0) == 0 || getrlimit(RLIMIT_NOFILE, &most) < 0)
        return;
    for (int fd = first; fd < MOST && (rlim_t)fd < most.rlim_cur; fd++)
        (void)close(fd);
}

/* dup2 leaves a descriptor that is there already as it is: close-on-exec. */
static int place_channel(int channel, int place) {
    return channel == place ? fcntl(place, F_SETFD, 0) : dup2(channel, place);
}

static int place_descriptors(const mp_spawn *spawn) {
    int next = STDERR_FILENO + 1 + spawn->passed;
    for (int i = 0; i < 3; i++)
        if (spawn->standard[i] >= 0 && dup2(spawn->standard[i], i) < 0)
            return errno;
    if (spawn->channel > 0 && place_channel(spawn->channel, next++) < 0)
        return errno;
    close_others(next);
    return 0;
}

/* Whether the search for a program goes on after this failure. */
static bool is_elsewhere(int error) {
    return error == EACCES || error == ENOENT || error == ENOTDIR || error == ELOOP ||
           error == ENAMETOOLONG || error == ESTALE || error == ENODEV || error == ETIMEDOUT;
}

/* Runs the program from the first folder of PATH that has it. -> why it couldn't */
static int execute(const child *self) {
    const mp_spawn *spawn = self->spawn;
    char *const *environment = spawn->environment ? spawn->environment : environ;
    char place[PATH_MAX];
    size_t size = strlen(spawn->program);
    int error = ENOENT;
    if (strchr(spawn->program, '/')) {
        (void)execve(spawn->program, spawn->arguments, environment);
        return errno;
    }
    for (const char *folder = self->path, *end; folder; folder = *end ? end + 1 : NULL) {
        end = strchrnul(folder, ':');
        size_t length = (size_t)(end - folder);
        if (length + size + 2 > sizeof place)
            continue;
        memcpy(place, folder, length);
        if (length > 0)
            place[length++] = '/';
        memcpy(place + length, spawn->program, size + 1);
        (void)execve(place, spawn->arguments, environment);
        if (!is_elsewhere(errno))
            return errno;
        if (errno == EACCES)
            error = EACCES;
    }
    return error;
}

static int fail(child *self, const char *call, int error) {
    self->spawn->failed = call;
    self->error = error;
    return 127;
}

/* Becomes the program. Returns only if it can't. */
static int become(child *self) {
    mp_spawn *spawn = self->spawn;
    reset_signals(spawn);
    if (!spawn->detached) {
        (void)prctl(PR_SET_PDEATHSIG, spawn->parting > 0 ? spawn->parting : SIGKILL);
        if (getppid() != self->parent)
            return fail(self, "fork", ESRCH); /* it ended just before */
    }
    if (spawn->own_group && !spawn->detached)
        (void)setpgid(0, 0);
    int error = place_descriptors(spawn);
    if (error != 0)
        return fail(self, "dup2", error);
    if (spawn->folder && chdir(spawn->folder) < 0)
        return fail(self, "chdir", errno);
    for (size_t i = 0; i < spawn->limit_count; i++) {
        const mp_resource_limit *limit = &spawn->limits[i];
        struct rlimit values = {limit_of(limit->soft), limit_of(limit->hard)};
        if (setrlimit(limit->resource, &values) < 0)
            return fail(self, "setrlimit", errno);
    }
    (void)sigprocmask(SIG_SETMASK, &self->mask, NULL);
    error = execute(self);
    return fail(self, "execve", error);
}

ON_OTHER_STACK static int child_main(void *argument) {
    _exit(become(argument));
}

/* The end of a stack, from where it grows. */
static char *top_of(char *stack) {
    return stack + STACK_SIZE;
}

/* Between this process and a detached one, which so becomes a child of the system's first process. */
ON_OTHER_STACK static int middle_main(void *argument) {
    child *self = argument;
    (void)setsid();
    self->grandchild = clone(child_main, top_of(self->second_stack), CLONE_VM | CLONE_VFORK | SIGCHLD, self);
    if (self->grandchild < 0)
        (void)fail(self, "fork", errno);
    _exit(0);
}

/* A process that ignores SIGCHLD, by its parent's doing, would learn nothing of its children. */
static void heed_children(void) {
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) == 0 &&
        (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT))) {
        action = (struct sigaction){.sa_handler = SIG_DFL};
        (void)sigaction(SIGCHLD, &action, NULL);
    }
}

/* The child failed, or ended between this process and a detached one. */
static void drop_child(pid_t pid) {
    (void)RETRY(waitpid(pid, NULL, 0));
}

/* The descriptor of the process comes with it: where there are too few, no program has run for a moment. */
static int start(child *self, char *stack, pid_t *pid, int *process) {
    enum { FLAGS = CLONE_VM | CLONE_VFORK | SIGCHLD };
    sigset_t all, before;
    sigfillset(&all);
    sigemptyset(&self->mask);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool detached = self->spawn->detached;
    *pid = detached ? clone(middle_main, top_of(stack), FLAGS, self)
                    : clone(child_main, top_of(stack), FLAGS | CLONE_PIDFD, self, process);
    int error = *pid < 0 ? errno : 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        self->spawn->failed = "fork";
        return -error;
    }
    if (detached || self->error != 0)
        drop_child(*pid);
    return -self->error;
}

int mp_system_spawn(mp_spawn *spawn, pid_t *pid, int *process) {
    const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): scripts can't set it */
    child self = {.spawn = spawn, .path = path ? path : "/bin:/usr/bin", .parent = getpid()};
    char *stack = malloc((spawn->detached ? 2 : 1) * (size_t)STACK_SIZE);
    spawn->failed = "malloc";
    *process = -1;
    *pid = -1;
    if (!stack)
        return -ENOMEM;
    self.second_stack = stack + (spawn->detached ? STACK_SIZE : 0);
    heed_children();
    int result = start(&self, stack, pid, process);
    free(stack);
    if (result == 0 && spawn->detached)
        *pid = self.grandchild;
    if (result < 0 && *process >= 0) {
        (void)close(*process);
        *process = -1;
    }
    return result;
}

#else

/* Without descriptors of processes, their ends can't be waited for. */
int mp_system_spawn(mp_spawn *spawn, pid_t *pid, int *process) {
    spawn->failed = "fork";
    *pid = *process = -1;
    return -ENOSYS;
}

#endif

/* --- its end -------------------------------------------------------------------------------------------- */

#ifdef __linux__

static int wait_for(int process, siginfo_t *info, int options) {
    memset(info, 0, sizeof *info);
    return RETRY(waitid((idtype_t)P_PIDFD, (id_t)process, info, WEXITED | WNOHANG | options));
}

int mp_system_look_at_exit(int process, mp_exit *how) {
    siginfo_t info;
    int result = wait_for(process, &info, WNOWAIT);
    if (result < 0 || info.si_pid == 0)
        return result;
    *how = (mp_exit){info.si_status, info.si_code != CLD_EXITED};
    return 1;
}

void mp_system_reap(int process) {
    siginfo_t info;
    (void)wait_for(process, &info, 0);
}

void mp_system_wait_and_reap(int process) {
    enum { LONGEST = 1000 }; /* milliseconds; it may hang in the system */
    struct pollfd ended = {.fd = process, .events = POLLIN};
    (void)RETRY(poll(&ended, 1, LONGEST));
    mp_system_reap(process);
}

int mp_system_signal_process(int process, int number) {
    return syscall(SYS_pidfd_send_signal, process, number, NULL, 0) < 0 ? -errno : 0;
}

#else

int mp_system_look_at_exit(int process, mp_exit *how) {
    (void)process, (void)how;
    return -ENOSYS;
}

void mp_system_reap(int process) {
    (void)process;
}

void mp_system_wait_and_reap(int process) {
    (void)process;
}

int mp_system_signal_process(int process, int number) {
    (void)process, (void)number;
    return -ENOSYS;
}

#endif

int mp_system_signal_group(pid_t pid, int process, int number) {
    bool left = getpgid(pid) != pid;
    int result = kill(-pid, number) < 0 ? -errno : 0;
    return left ? mp_system_signal_process(process, number) : result;
}

/* --- its descriptors ------------------------------------------------------------------------------------ */

/* Moves a descriptor away from the standard ones, which the child replaces. */
static int move_up(int fd) {
    if (fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = moved < 0 ? -errno : 0;
    (void)close(fd);
    return moved < 0 ? error : moved;
}

int mp_system_process_pipe(int fds[2], int ours) {
    int result = pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
    if (result < 0)
        return result;
    for (int i = 0; i < 2; i++) {
        fds[i] = move_up(fds[i]);
        if (fds[i] < 0)
            result = fds[i];
    }
    if (result == 0 && fcntl(fds[ours], F_SETFL, O_NONBLOCK) < 0)
        result = -errno;
    for (int i = 0; result < 0 && i < 2; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return result;
}

int mp_system_open_standard_file(const char *path, int standard, bool append) {
    int mode = standard == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
    int fd = RETRY(open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666));
    if (fd < 0 || (fd = move_up(fd)) < 0)
        return fd;
    if (fcntl(fd, F_SETFL, append ? O_APPEND : 0) < 0) { /* the child's reads and writes wait */
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

int mp_system_program(char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    return length < 0 ? -errno : 0;
}

pid_t mp_system_process_number(void) {
    return getpid();
}

uid_t mp_system_user(void) {
    return geteuid();
}
