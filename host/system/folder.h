/*
 * Files of a folder, by paths that strangers choose. Nothing outside of the folder is opened: no symbolic
 * link within it is followed, no name begins with a dot, and what is neither file nor folder isn't touched.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_FOLDER_H
#define MP_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct mp_folder_file {
    FILE *stream; /* NULL: it is a folder */
    int64_t size;
    int64_t modified; /* nanoseconds since 1970 */
    uint64_t number;  /* the inode's */
} mp_folder_file;

/* Opens "a/b.txt" within the folder `root`, which may be a link itself. Names between slashes count, empty
   ones don't. Returns 0, or -errno: -ENOENT for what isn't to be seen. */
int mp_folder_open(const char *root, const char *path, mp_folder_file *file);

/* The same without opening it: file->stream stays NULL. -ENOENT for a folder. */
int mp_folder_look(const char *root, const char *path, mp_folder_file *file);

#endif
