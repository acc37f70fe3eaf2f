/*
 * --watch: reports that the script, a module of its folder, or a file that TLS has read has changed. It
 * watches folders, not files, since editors write another file and rename it; and all folders on the way to a
 * file, since folders and links may be replaced too. A change counts when the files have stayed the same for
 * a moment, so that saving twice in a row is one change. Files that are missing, empty or still open for
 * writing get more time, since nobody means them to stay so.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_WATCH_H
#define PROGRAM_WATCH_H

#include <lua.h>

#include "loop/timer.h"
#include "loop/watcher.h"
#include "system/file.h"

typedef struct program_watched_file program_watched_file;

/* What a look finds. */
typedef struct program_changes {
    bool script, tls;
} program_changes;

typedef struct program_watch {
    mp_loop *loop; /* NULL: it has not been started */
    program_watched_file *files;
    double changed_at; /* when a look found a file changed last */
    bool moved;        /* a folder or link may have been replaced */
    bool stray;        /* folders without files may still be watched */
    bool polls;        /* some folder can't be watched */
    bool looks_soon;
    int fd; /* reports changes; -1: the system doesn't */
    mp_readable events;
    mp_delay look;
    void (*changed)(struct program_watch *watch, program_changes changes); /* from the loop */
    void *owner;                                                           /* of `changed` */
} program_watch;

/* Begins to watch; no files yet. */
void program_start_watch(program_watch *watch, mp_loop *loop,
                         void (*changed)(program_watch *watch, program_changes changes), void *owner);

/* Watches the files of these environments, references or LUA_NOREF, and no others: of the generation that
   serves, and of the one that is being loaded. */
void program_update_watch(program_watch *watch, lua_State *L, int serving, int loading);

/* Watches the files of this environment, too. */
void program_watch_more(program_watch *watch, lua_State *L, int environment);

/* Watches the files that `add` names by program_watch_tls_file as those of TLS, and no others. */
void program_update_tls_watch(program_watch *watch, void (*add)(program_watch *watch));

/* `read`: what the file was when it was read. */
void program_watch_tls_file(program_watch *watch, const char *path, const mp_file_status *read);

/* Safe for one that was never started. */
void program_stop_watch(program_watch *watch);

#endif
