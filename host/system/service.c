/*
 * What the system gives to a service; see service.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/service.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/retry.h"

/* --- processors ----------------------------------------------------------------------------------------- */

static int cpus(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

/* The two numbers of a file, of which the first may be "max"; false: there is no bound. */
static bool read_quota(const char *path, long long *quota, long long *period) {
    FILE *file = fopen(path, "re");
    char line[64], *end;
    bool read = file && fgets(line, sizeof line, file);
    if (file)
        (void)fclose(file);
    if (!read)
        return false;
    *quota = strtoll(line, &end, 10);
    *period = strtoll(end, NULL, 10);
    return *quota > 0 && *period > 0;
}

/* This process' group, and those above it. */
static int quota_of_groups(int most) {
    char line[512] = "", path[640];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file) && strncmp(line, "0::/", 4) != 0)
        line[0] = '\0';
    if (file)
        (void)fclose(file);
    if (!*line)
        return most;
    line[strcspn(line, "\n")] = '\0';
    for (char *group = line + 3;; *strrchr(group, '/') = '\0') {
        long long quota, period;
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
        if (read_quota(path, &quota, &period) && (quota + period - 1) / period < most)
            most = (int)((quota + period - 1) / period);
        if (!strchr(group, '/'))
            return most;
    }
}

int mp_system_processors(void) {
    int count = quota_of_groups(cpus());
    return count > 0 ? count : 1;
}

/* --- systemd -------------------------------------------------------------------------------------------- */

bool mp_system_notify(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path ? strlen(path) : 0;
    if (size < 2 || size >= sizeof address.sun_path || (*path != '/' && *path != '@'))
        return false;
    memcpy(address.sun_path, path, size);
    if (*path == '@')
        address.sun_path[0] = '\0';
    int fd = RETRY(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return false;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t n = RETRY(sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                             (const struct sockaddr *)&address, length));
    (void)close(fd);
    return n > 0;
}

int mp_system_passed_descriptors(void) {
    const char *process = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    long number = count ? strtol(count, NULL, 10) : 0;
    return process && strtol(process, NULL, 10) == getpid() && number > 0 && number < 1024 ? (int)number : 0;
}

void mp_system_inherit_service(void) {
    const char *process = getenv("LISTEN_PID");
    char own[24];
    if (process && strtol(process, NULL, 10) == getppid()) {
        snprintf(own, sizeof own, "%ld", (long)getpid());
        (void)setenv("LISTEN_PID", own, 1);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}
