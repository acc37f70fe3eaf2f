/*
 * --watch: tells when the script or a module of its folder has changed. Folders are watched, not files, since
 * editors write beside a file and rename, and all folders on the way to a file, since folders and links may
 * be exchanged too. What counts is what the files are when they have been so for a moment: saving twice in a
 * row is one change. What is gone, empty or still open for writing has more time, since nobody means it so.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WATCH_H
#define PROGRAM_WATCH_H

#include <lua.h>

#include "loop/timer.h"
#include "loop/watcher.h"

typedef struct program_watched_file program_watched_file;

typedef struct program_watch {
    mp_loop *loop; /* NULL: it has not been started */
    program_watched_file *files;
    double changed_at; /* when a look found a file changed last */
    bool moved;        /* a folder or link may be another one than it was */
    bool stray;        /* folders may be watched that no file is in any more */
    bool polls;        /* some folder can't be watched */
    bool looks_soon;
    int fd; /* tells of changes; -1: nothing does */
    mp_readable events;
    mp_delay look;
    void (*changed)(struct program_watch *watch); /* from the loop */
    void *owner;                                  /* of `changed` */
} program_watch;

/* Begins to watch; no files yet. */
void program_start_watch(program_watch *watch, mp_loop *loop, void (*changed)(program_watch *watch),
                         void *owner);

/* Watches the files of these environments, references or LUA_NOREF, and no others: of the generation that
   serves, and of the one that is being loaded. */
void program_update_watch(program_watch *watch, lua_State *L, int serving, int loading);

/* Safe for one that was never started. */
void program_stop_watch(program_watch *watch);

#endif
