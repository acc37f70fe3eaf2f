/*
 * Descriptors that come from elsewhere; see adoption.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/adoption.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MOST 64

static volatile uint64_t adopted; /* those that must block again, one bit each */

static bool is_noted(int fd) {
    return fd < MOST && (adopted >> fd & 1);
}

/* True if another descriptor refers to the same file. It may share the open file description, which must then
   stay as it is. */
static bool has_twin(int fd) {
    struct stat one, other;
    if (fstat(fd, &one) < 0)
        return false;
    for (int i = 0; i < MOST; i++)
        if (i != fd && is_noted(i) && fstat(i, &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    return false;
}

static void note(int fd) {
    static bool at_exit;
    if (!at_exit)
        at_exit = atexit(mp_system_give_back_all) == 0;
    adopted |= (uint64_t)1 << fd;
}

int mp_system_adopt(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    if (fd < MOST && (!(flags & O_NONBLOCK) || has_twin(fd)))
        note(fd);
    return 0;
}

static void block(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void mp_system_give_back(int fd) {
    if (!is_noted(fd))
        return;
    if (!has_twin(fd))
        block(fd);
    adopted &= ~((uint64_t)1 << fd);
}

void mp_system_give_back_all(void) {
    for (int fd = 0; fd < MOST; fd++)
        if (is_noted(fd))
            block(fd);
    adopted = 0;
}
