/*
 * Other programs: starting them, and learning of their end. Each function returns a result or -errno, as in
 * system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SYSTEM_PROCESS_H
#define MP_SYSTEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A limit of what a process may use, see setrlimit(2). */
typedef struct mp_resource_limit {
    int resource; /* of mp_system_resource */
    uint64_t soft, hard;
} mp_resource_limit;

#define MP_RESOURCE_UNLIMITED UINT64_MAX

/* The resource with this name, "nofile" for RLIMIT_NOFILE; -1: there is none. The first is number 0 of
   mp_system_resource_name, which returns NULL behind the last. */
int mp_system_resource(const char *name);
const char *mp_system_resource_name(int number);

/* How a program starts. */
typedef struct mp_spawn {
    const char *program;      /* without a '/', it is searched for in PATH, this process' own */
    char *const *arguments;   /* these two end with NULL; the first argument is the program */
    char *const *environment; /* NULL: this process' own */
    const char *folder;       /* its working directory; NULL: this process' own */
    int standard[3];          /* its standard input, output and error; -1: this process' own */
    const mp_resource_limit *limits;
    size_t limit_count;
    bool own_group;     /* it leads a process group */
    bool detached;      /* it lives on, in a session of its own, and is nobody's child */
    int passed;         /* so many descriptors above the standard ones are this process' own, too */
    int channel;        /* becomes the next one behind those; 0: there is none */
    bool sheltered;     /* it ignores SIGHUP, SIGINT, SIGTERM and `parting` until it handles them itself */
    int parting;        /* the signal that it gets when this process ends; 0: SIGKILL */
    const char *failed; /* out: the name of the call that has failed */
} mp_spawn;

/*
 * Starts a program. This process waits until it runs, or can't; its memory isn't copied. The program gets the
 * three descriptors and those that are passed, all signals as the system has them by default unless it is
 * sheltered, and unless it is detached, a signal when this process ends. Fills in the pid, and unless it is
 * detached a descriptor that is readable when it ends. Returns 0 or -errno.
 */
int mp_system_spawn(mp_spawn *spawn, pid_t *pid, int *process);

/* How a process ended. */
typedef struct mp_exit {
    int status; /* its exit status, or the signal that ended it */
    bool signalled;
} mp_exit;

/* By its descriptor: 1 if it ended, 0 if it runs. It stays as it is, so that its pid remains its own. */
int mp_system_look_at_exit(int process, mp_exit *how);

/* The process ended: the system forgets it. */
void mp_system_reap(int process);

/* The same; but it has been killed and may need a moment, which this waits for. */
void mp_system_wait_and_reap(int process);

/* Sends it a signal. */
int mp_system_signal_process(int process, int number);

/* Sends a signal to the group that it has led from its start, and to the process itself if it has left
   that. It must not have been reaped. */
int mp_system_signal_group(pid_t pid, int process, int number);

/* A pipe whose ends are no standard descriptors: fds[0] to read, fds[1] to write. Our end, one of these two,
   doesn't block. Both are close-on-exec. */
int mp_system_process_pipe(int fds[2], int ours);

/* A file as the standard input (0) or output (1) of a process. Nothing waits for the other end of a FIFO.
   -> a descriptor, close-on-exec */
int mp_system_open_standard_file(const char *path, int standard, bool append);

/* The number of this process, and of the user that it acts for. */
pid_t mp_system_process_number(void);
uid_t mp_system_user(void);

/* The path of the running program, cut at `size`. */
int mp_system_program(char *path, size_t size);

#endif
