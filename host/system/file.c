/*
 * Files and folders; see file.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/retry.h"

#define FIRST_SIZE 4096 /* of what has no size: pipes, files of /proc */

int mp_system_file_status(const char *path, mp_file_status *status) {
    struct stat found;
    memset(status, 0, sizeof *status);
    if (stat(path, &found) < 0)
        return -errno;
    status->device = found.st_dev;
    status->inode = found.st_ino;
    status->size = found.st_size;
    status->seconds = found.st_mtim.tv_sec;
    status->nanoseconds = found.st_mtim.tv_nsec;
    status->is_folder = S_ISDIR(found.st_mode);
    return 0;
}

bool mp_system_same_file(const mp_file_status *a, const mp_file_status *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->seconds == b->seconds &&
           a->nanoseconds == b->nanoseconds;
}

bool mp_system_is_link(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

int mp_system_read_link(const char *path, char *target, size_t size) {
    ssize_t length = readlink(path, target, size - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    return (int)length;
}

char *mp_system_real_path(const char *path) {
    return realpath(path, NULL);
}

/* Reads to the end, into memory that grows as it must. */
static int read_all(int fd, size_t expected, char **text, size_t *size) {
    size_t capacity = expected > 0 ? expected + 1 : FIRST_SIZE; /* the last read finds the end */
    if (expected > (size_t)SSIZE_MAX)
        return -EFBIG;
    for (*size = 0;;) {
        if (*size == capacity || !*text) {
            capacity = *text ? 2 * capacity : capacity;
            char *larger = realloc(*text, capacity);
            if (!larger)
                return -ENOMEM;
            *text = larger;
        }
        ssize_t n = RETRY(read(fd, *text + *size, capacity - *size));
        if (n <= 0)
            return (int)n;
        *size += (size_t)n;
    }
}

int mp_system_hold_descriptor(void) {
    /* What no script can take over: it is neither a socket nor a pipe, nor a device. */
    return RETRY(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Opens a file with whatever descriptor there is. */
static int open_file(const char *path, int flags, int *held) {
    int fd = RETRY(open(path, flags));
    if ((fd == -EMFILE || fd == -ENFILE) && *held >= 0) {
        (void)close(*held);
        *held = -1;
        fd = RETRY(open(path, flags));
    }
    return fd;
}

int mp_system_read_file(const char *path, bool only_regular, int *held, char **text, size_t *size) {
    struct stat status;
    *text = NULL;
    int fd = open_file(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (only_regular ? O_NONBLOCK : 0), held);
    if (fd < 0)
        return fd;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && S_ISDIR(status.st_mode))
        result = -EISDIR;
    if (result == 0 && only_regular && !S_ISREG(status.st_mode))
        result = -ENXIO;
    if (result == 0)
        result = read_all(fd, (size_t)status.st_size, text, size);
    (void)close(fd);
    if (*held < 0)
        *held = mp_system_hold_descriptor();
    return result;
}

int mp_system_make_folder(int folder, const char *path) {
    return mkdirat(folder < 0 ? AT_FDCWD : folder, path, 0777) < 0 ? -errno : 0;
}

int mp_system_open_folder(const char *path) {
    return RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int mp_system_write_file(int folder, const char *path, bool runs, const char *text, size_t size) {
    int fd = RETRY(openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, runs ? 0777 : 0666));
    int result = fd < 0 ? fd : 0;
    while (size > 0 && result == 0) {
        ssize_t n = RETRY(write(fd, text, size));
        if (n < 0)
            result = (int)n;
        else
            text += n, size -= (size_t)n;
    }
    if (fd >= 0 && close(fd) < 0 && result == 0)
        result = -errno;
    return result;
}
