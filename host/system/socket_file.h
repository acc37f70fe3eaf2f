/*
 * The files that bind(2) has made for this process. Each is removed when its socket is closed, or when the
 * process ends, if the path still leads to the same file. A child that was forked removes none.
 *
 * Such files belong to the process, and so does this record.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_FILE_H
#define MP_SOCKET_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* Which file a path leads to. */
typedef struct mp_file_identity {
    uint64_t device, inode;
    bool is_socket;
} mp_file_identity;

/* Of the path itself, also if it is a link. Returns 0 or -errno. */
int mp_system_identify(const char *path, mp_file_identity *identity);

bool mp_system_is_same_file(const mp_file_identity *a, const mp_file_identity *b);

/* Returns 0 or -errno. */
int mp_system_remove_file(const char *path);

typedef struct mp_socket_file mp_socket_file;

/* Records the file at `path`, which this process has just made. -> 0 or -errno */
int mp_system_record_socket_file(const char *path, mp_socket_file **out);

/* Removes the file, if it is still the same one, and the record; NULL does nothing. */
void mp_system_drop_socket_file(mp_socket_file *file);

/* The path; absolute, unless the working folder has none. */
const char *mp_system_socket_file_path(const mp_socket_file *file);

/* Removes all of them. For the end of the process: exit(3) calls it; a signal handler may. */
void mp_system_remove_socket_files(void);

#endif
