/*
 * Files and folders; see file.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/retry.h"

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

int mp_system_hold_descriptor(void) {
    /* No script can take this descriptor over: it is not a socket, a pipe or a device. */
    return RETRY(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Opens a file, with the held descriptor if no other is free. */
static int open_with_held(const char *path, int flags, int *held) {
    int fd = RETRY(open(path, flags));
    if ((fd == -EMFILE || fd == -ENFILE) && held && *held >= 0) {
        (void)close(*held);
        *held = -1;
        fd = RETRY(open(path, flags));
    }
    return fd;
}

int mp_system_open_file(const char *path, bool only_regular, size_t limit, int *held, size_t *size) {
    struct stat status;
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (only_regular ? O_NONBLOCK : 0);
    int fd = open_with_held(path, flags, held);
    if (fd < 0)
        return fd;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && S_ISDIR(status.st_mode))
        result = -EISDIR;
    if (result == 0 && only_regular && !S_ISREG(status.st_mode))
        result = -ENXIO;
    if (result == 0 && status.st_size > 0 && (uint64_t)status.st_size > limit)
        result = -EFBIG;
    if (result == 0) {
        *size = (size_t)status.st_size;
        return fd;
    }
    mp_system_close_file(fd, held);
    return result;
}

ssize_t mp_system_read_file(int fd, char *data, size_t size) {
    return RETRY(read(fd, data, size));
}

void mp_system_close_file(int fd, int *held) {
    (void)close(fd);
    if (held && *held < 0)
        *held = mp_system_hold_descriptor();
}

int mp_system_open_to_add(const char *path) {
    return RETRY(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
}

int mp_system_add_to_file(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = RETRY(write(fd, data, size));
        if (n < 0)
            return (int)n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int mp_system_make_folder(int folder, const char *path) {
    return mkdirat(folder < 0 ? AT_FDCWD : folder, path, 0777) < 0 ? -errno : 0;
}

int mp_system_make_own_folder(const char *path, bool is_private) {
    struct stat found;
    int result = mkdir(path, 0700) < 0 ? -errno : 0;
    if (result == 0 && !is_private && chmod(path, 0755) < 0) /* whatever the umask is */
        return -errno;
    if (result != -EEXIST)
        return result;
    if (lstat(path, &found) < 0)
        return -errno;
    bool ours = S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
                (found.st_mode & (is_private ? 077 : 022)) == 0;
    return ours ? 0 : -EPERM;
}

void mp_system_list_folder(const char *path,
                           void (*found)(void *context, const char *folder, const char *name),
                           void *context) {
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (const struct dirent *it; (it = readdir(folder)) != NULL;)
        if (it->d_name[0] != '.')
            found(context, path, it->d_name);
    (void)closedir(folder);
}

int mp_system_sync_file(const char *path) {
    int fd = RETRY(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return fd;
    int result = RETRY(fsync(fd));
    close(fd);
    return result;
}

int mp_system_open_folder(const char *path) {
    return RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int mp_system_write_file(int folder, const char *path, bool runs, const char *text, size_t size) {
    int fd = RETRY(openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, runs ? 0777 : 0666));
    int result = fd < 0 ? fd : mp_system_add_to_file(fd, text, size);
    if (fd >= 0 && close(fd) < 0 && result == 0)
        result = -errno;
    return result;
}

int mp_system_unnamed_file(const char *purpose) {
#ifdef MFD_CLOEXEC
    return RETRY(memfd_create(purpose, MFD_CLOEXEC));
#else
    (void)purpose;
    return -ENOSYS;
#endif
}

int mp_system_read_whole(int fd, void *data, size_t size, int64_t at) {
    char *to = data;
    while (size > 0) {
        ssize_t n = RETRY(pread(fd, to, size, at));
        if (n <= 0)
            return n < 0 ? (int)n : -ENODATA;
        to += n;
        size -= (size_t)n;
        at += n;
    }
    return 0;
}
