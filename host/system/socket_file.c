/*
 * The files of listening sockets; see socket_file.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/socket_file.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mp_socket_file {
    struct mp_socket_file *volatile next;
    pid_t process;
    mp_file_identity identity;
    char path[];
};

/* A signal handler may walk along it at any time. */
static mp_socket_file *volatile files;

int mp_system_identify(const char *path, mp_file_identity *identity) {
    struct stat status;
    if (lstat(path, &status) < 0)
        return -errno;
    *identity = (mp_file_identity){status.st_dev, status.st_ino, S_ISSOCK(status.st_mode)};
    return 0;
}

bool mp_system_is_same_file(const mp_file_identity *a, const mp_file_identity *b) {
    return a->device == b->device && a->inode == b->inode && a->is_socket == b->is_socket;
}

int mp_system_remove_file(const char *path) {
    return unlink(path) < 0 ? -errno : 0;
}

static void remove_if_same(const mp_socket_file *file) {
    mp_file_identity found = {0};
    if (file->process == getpid() && mp_system_identify(file->path, &found) == 0 &&
        mp_system_is_same_file(&found, &file->identity))
        (void)unlink(file->path);
}

void mp_system_remove_socket_files(void) {
    for (const mp_socket_file *file = files; file; file = file->next)
        remove_if_same(file);
}

/* The script may change the working folder. */
static mp_socket_file *new_file(const char *path) {
    char folder[PATH_MAX] = "";
    if (*path != '/' && !getcwd(folder, sizeof folder))
        folder[0] = '\0';
    size_t size = strlen(folder) + strlen(path) + 2;
    mp_socket_file *file = calloc(1, sizeof *file + size);
    if (file)
        snprintf(file->path, size, *folder ? "%s/%s" : "%s%s", folder, path);
    return file;
}

int mp_system_record_socket_file(const char *path, mp_socket_file **out) {
    static bool at_exit;
    mp_socket_file *file = *out = new_file(path);
    if (!file)
        return -ENOMEM;
    int result = mp_system_identify(path, &file->identity);
    if (result < 0) {
        free(file);
        *out = NULL;
        return result;
    }
    if (!at_exit)
        at_exit = atexit(mp_system_remove_socket_files) == 0;
    file->process = getpid();
    file->next = files;
    atomic_signal_fence(memory_order_release);
    files = file;
    return 0;
}

void mp_system_drop_socket_file(mp_socket_file *file) {
    if (!file)
        return;
    remove_if_same(file);
    mp_socket_file *volatile *place = &files;
    while (*place != file)
        place = &(*place)->next;
    *place = file->next;
    atomic_signal_fence(memory_order_release);
    free(file);
}

const char *mp_system_socket_file_path(const mp_socket_file *file) {
    return file->path;
}
