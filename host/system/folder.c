/*
 * See folder.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_NAME 255
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* The next name of the path into `name`; 0: there is none, -errno: it isn't to be seen. */
static int next_name(const char **path, char *name) {
    *path += strspn(*path, "/");
    size_t length = strcspn(*path, "/");
    if (length > LONGEST_NAME)
        return -ENOENT;
    memcpy(name, *path, length);
    name[length] = '\0';
    *path += length;
    if (name[0] == '.' && strcmp(name, ".well-known") != 0)
        return -ENOENT;
    return length > 0;
}

static void describe(const struct stat *found, mp_folder_file *file) {
    file->size = found->st_size;
    file->modified = (int64_t)found->st_mtim.tv_sec * 1000000000 + found->st_mtim.tv_nsec;
    file->number = found->st_ino;
}

static int look_at(int folder, const char *name, mp_folder_file *file) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(found.st_mode))
        return -ENOENT;
    describe(&found, file);
    return 0;
}

static int open_last(int folder, const char *name, mp_folder_file *file) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISDIR(found.st_mode))
        return 0;
    if (!S_ISREG(found.st_mode))
        return -ENOENT;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int fault = 0;
    if (fstat(fd, &found) < 0)
        fault = -errno;
    else if (!S_ISREG(found.st_mode))
        fault = -ENOENT;
    else if (!(file->stream = fdopen(fd, "rb")))
        fault = -errno;
    if (fault < 0) {
        close(fd);
        return fault;
    }
    describe(&found, file);
    return 0;
}

typedef int visit(int folder, const char *name, mp_folder_file *file);

/* Walks to the last name of the path, and has it visited. */
static int walk(const char *root, const char *path, visit *last, mp_folder_file *file) {
    char name[LONGEST_NAME + 1], following[LONGEST_NAME + 1];
    memset(file, 0, sizeof *file);
    int folder = open(root, FOLDER_FLAGS);
    if (folder < 0)
        return -errno;
    int result = next_name(&path, name); /* 0: the folder itself */
    while (result > 0) {
        int more = next_name(&path, following);
        if (more <= 0) {
            result = more < 0 ? more : last(folder, name, file);
            break;
        }
        int inner = openat(folder, name, FOLDER_FLAGS | O_NOFOLLOW);
        result = inner < 0 ? -errno : 1;
        close(folder);
        folder = inner;
        memcpy(name, following, sizeof name);
    }
    if (folder >= 0)
        close(folder);
    return result;
}

int mp_folder_open(const char *root, const char *path, mp_folder_file *file) {
    return walk(root, path, open_last, file);
}

int mp_folder_look(const char *root, const char *path, mp_folder_file *file) {
    return walk(root, path, look_at, file);
}
