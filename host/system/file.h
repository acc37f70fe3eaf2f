/*
 * Files and folders. Each function returns a result or -errno, as those of system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FILE_H
#define MP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What tells one state of a file from another; all zero for one that is missing. */
typedef struct mp_file_status {
    uint64_t device, inode;
    int64_t size;
    int64_t seconds, nanoseconds; /* of the last change */
    bool is_folder;
} mp_file_status;

/* Of the file that the path leads to, all links followed. */
int mp_system_file_status(const char *path, mp_file_status *status);

bool mp_system_same_file(const mp_file_status *a, const mp_file_status *b);

/* Is the path itself a link? */
bool mp_system_is_link(const char *path);

/* Where a link leads to, cut at `size`, with a NUL. -> its length; an error also for what is no link. */
int mp_system_read_link(const char *path, char *target, size_t size);

/* The path without links, `.` and `..`, which free releases; NULL and errno. */
char *mp_system_real_path(const char *path);

/* A descriptor that is kept for later, or -errno. */
int mp_system_hold_descriptor(void);

/* Reads a whole file. free releases *text, which also a failed call may leave. A folder is -EISDIR. With
   `only_regular` nothing else but a file is read, and nothing waited for: -ENXIO. `held`: a descriptor that
   is given up where no other is left, and held again afterwards. */
int mp_system_read_file(const char *path, bool only_regular, int *held, char **text, size_t *size);

/* Makes a folder, as mkdir; below `folder` (-1: the working directory). One that is there already is
   -EEXIST. */
int mp_system_make_folder(int folder, const char *path);

/* -> a descriptor of the folder */
int mp_system_open_folder(const char *path);

/* Makes a file below `folder` and writes it. One that is there already is -EEXIST. */
int mp_system_write_file(int folder, const char *path, bool runs, const char *text, size_t size);

#endif
