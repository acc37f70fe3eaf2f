/*
 * Moving bytes between descriptors; see splice.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/splice.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/local.h"
#include "system/retry.h"

int mp_system_open_pipe(int fds[2]) {
    return RETRY(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
}

ssize_t mp_system_splice(int from, int to, size_t size) {
    return RETRY(splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

/* -> the descriptor, or -ENXIO, and then it is closed */
static int regular(int fd) {
    struct stat status;
    int error = fstat(fd, &status) < 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -ENXIO;
    if (error == 0)
        return fd;
    (void)close(fd);
    return error;
}

int mp_system_open_to_send(const char *path) {
    int fd = RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    return fd < 0 ? fd : regular(fd);
}

int mp_system_copy_descriptor(int fd) {
    int copy = mp_system_duplicate(fd);
    return copy < 0 ? copy : regular(copy);
}

int64_t mp_system_file_size(int fd) {
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : status.st_size;
}

ssize_t mp_system_send_file(int socket, int fd, int64_t *offset, size_t size) {
    off_t at = *offset;
    ssize_t sent = RETRY(sendfile(socket, fd, &at, size));
    *offset = at;
    return sent;
}

ssize_t mp_system_read_at(int fd, void *data, size_t size, int64_t offset) {
    return RETRY(pread(fd, data, size, offset));
}
