/*
 * Files and folders. Each function returns a result or -errno, as in system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FILE_H
#define MP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Distinguishes one state of a file from another; all zero for a missing file. */
typedef struct mp_file_status {
    uint64_t device, inode;
    int64_t size;
    int64_t seconds, nanoseconds; /* of the last change */
    bool is_folder;
} mp_file_status;

/* The status of the file at the path; follows all links. */
int mp_system_file_status(const char *path, mp_file_status *status);

bool mp_system_same_file(const mp_file_status *a, const mp_file_status *b);

/* True if the path itself is a link. */
bool mp_system_is_link(const char *path);

/* Reads the target of a link, cut at `size`, with a NUL. -> its length; fails for anything but a link. */
int mp_system_read_link(const char *path, char *target, size_t size);

/* The path without links, `.` and `..`; free it with free(). NULL and errno if it fails. */
char *mp_system_real_path(const char *path);

/* Opens a descriptor to hold for later, or returns -errno. */
int mp_system_hold_descriptor(void);

/* Opens a file for reading in pieces; `size` is its size now. A folder is -EISDIR; more than `limit` bytes
   are
   -EFBIG. With `only_regular`, anything but a regular file is -ENXIO, and nothing waits. `held` is a
   descriptor that is closed if no other is free; NULL for none. -> the descriptor */
int mp_system_open_file(const char *path, bool only_regular, size_t limit, int *held, size_t *size);

/* Reads the next bytes. -> their number; 0 at the end */
ssize_t mp_system_read_file(int fd, char *data, size_t size);

/* Closes the file, and opens the held descriptor again if it was closed. */
void mp_system_close_file(int fd, int *held);

/* Opens a file to add to its end, and makes it if there is none, for its owner alone. Nothing waits. -> the
   descriptor */
int mp_system_open_to_add(const char *path);

/* Writes all of it, to a file that was opened to write. */
int mp_system_add_to_file(int fd, const char *data, size_t size);

/* Waits until the disk has all of a file, or the names of a folder. */
int mp_system_sync_file(const char *path);

/* Makes a folder, like mkdir, below `folder` (-1: the working directory). -EEXIST if it exists. */
int mp_system_make_folder(int folder, const char *path);

/* Makes a folder that only this user may write to, unless there is one; a private one is closed to others.
   -EPERM: what is there is another user's, or open to others, or no folder. */
int mp_system_make_own_folder(const char *path, bool is_private);

/* Calls `found` with the name of each entry that doesn't begin with a dot. Does nothing if there is no such
   folder. */
void mp_system_list_folder(const char *path,
                           void (*found)(void *context, const char *folder, const char *name), void *context);

/* -> a descriptor of the folder */
int mp_system_open_folder(const char *path);

/* Makes a file below `folder` and writes it. -EEXIST if it exists. */
int mp_system_write_file(int folder, const char *path, bool runs, const char *text, size_t size);

/* A new file without a name, to read and to write. Copies of its descriptor in other processes are the same
   file. -> the descriptor */
int mp_system_unnamed_file(const char *purpose);

/* Reads `size` bytes from this place on, whoever else reads. -> 0; -ENODATA: there aren't so many */
int mp_system_read_whole(int fd, void *data, size_t size, int64_t at);

#endif
