/*
 * Being told of changes in folders: inotify, where there is such a thing. Each function returns a result or
 * -errno.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_CHANGE_H
#define MP_CHANGE_H

#include <stdbool.h>

/* Something has changed in a folder that is watched. */
typedef struct mp_change {
    int folder;       /* its number; -1: some changes were lost */
    const char *name; /* what has changed in it; NULL: the folder itself */
    bool names;       /* a name has come or gone; else the file's contents or attributes */
    bool writing;     /* it was changed in place, and not closed since */
    bool attributes;  /* only its attributes */
} mp_change;

/* -> a descriptor that is readable when there are changes; -ENOSYS where nobody can tell */
int mp_system_open_changes(void);

/* Watches a folder: the names in it, and with `contents` the files too. -> its number; the same for the same
   folder */
int mp_system_watch_folder(int fd, const char *path, bool contents);

/* Calls `changed` with each change that there is. */
void mp_system_read_changes(int fd, void (*changed)(void *context, const mp_change *change), void *context);

#endif
