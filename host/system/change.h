/*
 * Reports changes in folders by inotify, if the system has it. Each function returns a result or -errno.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_CHANGE_H
#define MP_CHANGE_H

#include <stdbool.h>

/* A change in a watched folder. */
typedef struct mp_change {
    int folder;       /* its number; -1: some changes were lost */
    const char *name; /* the entry that has changed; NULL: the folder itself */
    bool names;       /* an entry appeared or disappeared; otherwise, its contents or attributes changed */
    bool writing;     /* it was changed in place, and not closed since then */
    bool attributes;  /* only its attributes changed */
} mp_change;

/* -> a descriptor that is readable when there are changes; -ENOSYS if the system can't report any */
int mp_system_open_changes(void);

/* Watches a folder: its names, and with `contents` its files too. -> its number; the same number for the same
   folder */
int mp_system_watch_folder(int fd, const char *path, bool contents);

/* Calls `changed` with each available change. */
void mp_system_read_changes(int fd, void (*changed)(void *context, const mp_change *change), void *context);

#endif
