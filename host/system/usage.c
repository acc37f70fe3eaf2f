/*
 * Usage; see usage.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "system/retry.h"

/* The second number is the pages in memory; see proc(5), statm. */
int64_t mp_system_resident(pid_t process) {
    char text[128];
    char *rest = text;
    snprintf(text, sizeof text, "/proc/%ld/statm", (long)process);
    int fd = RETRY(open(text, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return 0;
    ssize_t n = RETRY(read(fd, text, sizeof text - 1));
    (void)close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    (void)strtoll(text, &rest, 10);
    return strtoll(rest, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* Newer kernels give the number as the size of the folder; otherwise its entries are counted. */
static int64_t descriptors(void) {
    struct stat folder;
    int64_t open = 0;
    if (stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0)
        return folder.st_size;
    DIR *entries = opendir("/proc/self/fd");
    if (!entries)
        return 0;
    for (const struct dirent *it; (it = readdir(entries)) != NULL;)
        open += it->d_name[0] != '.';
    (void)closedir(entries);
    return open - 1; /* without the one that has just been opened */
}

void mp_system_usage(mp_usage *usage) {
    struct timespec used = {0};
    struct rlimit limit;
    memset(usage, 0, sizeof *usage);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    usage->processor = (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    usage->resident = mp_system_resident(getpid());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        usage->descriptor_limit = limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur;
    usage->descriptors = descriptors();
}
