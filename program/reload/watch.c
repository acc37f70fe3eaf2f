/*
 * Watching files; see watch.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/watch.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/environment.h"
#include "script/text.h"
#include "system/change.h"
#include "system/file.h"
#include "system/system.h"

#define LOOK 15.0        /* milliseconds from an event to a look, and between two of a change */
#define QUIET 25.0       /* milliseconds that a change must have lasted */
#define INCOMPLETE 500.0 /* the same for a file that is missing, empty or being written */
#define POLL 500.0       /* milliseconds between two looks, where the system doesn't report changes */
#define MAX_LINKS 40     /* on the way to a file */

struct program_watched_file {
    program_watched_file *next;
    mp_file_status loaded; /* its state when it was loaded */
    mp_file_status seen;   /* its state at the last look */
    int folder;            /* number of its folder, all links followed */
    bool writing;          /* was changed in place, and not closed since */
    bool used;             /* by a generation that counts, or by TLS */
    bool of_tls;           /* no script is in it */
    char *name;            /* in that folder */
    char path[];
};

static void on_look(mp_delay *look);

static void look_in(program_watch *watch, double msec) {
    mp_delay_stop(&watch->look, watch->loop);
    mp_delay_start(&watch->look, watch->loop, msec, on_look);
    watch->looks_soon = msec <= LOOK;
}

static void look_soon(program_watch *watch) {
    if (!watch->looks_soon)
        look_in(watch, LOOK);
}

/* --- where files are ------------------------------------------------------------------------------------ */

/* The system doesn't report some changes, so look at the files from time to time. */
static void poll_files(program_watch *watch, int error) {
    if (watch->polls)
        return;
    watch->polls = true;
    mp_log(watch->loop->log_level, MP_LOG_WARNING,
           "--watch: the system can't report all changes (%s): files are looked at twice a second",
           strerror(-error));
    if (!watch->looks_soon)
        look_in(watch, POLL);
}

/* True if the folder itself is why it can't be watched: it is missing, and a folder above it is watched
   instead. */
static bool is_missing(int error) {
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENAMETOOLONG;
}

/* Watches the folder of the first `length` bytes of the path. -> its number, or -1 */
static int watch_folder(program_watch *watch, const char *path, size_t length, bool contents) {
    char folder[PATH_MAX];
    while (length > 0 && path[length - 1] != '/')
        length--;
    snprintf(folder, sizeof folder, "%.*s", length ? (int)length : 1, length ? path : ".");
    int number = mp_system_watch_folder(watch->fd, folder, contents);
    if (number < 0 && !is_missing(number))
        poll_files(watch, number);
    return number < 0 ? -1 : number;
}

/* True if the first `length` bytes of the path are a link. Then `next` is the path with the link's target
   instead. */
static bool follow(const char *path, size_t length, char *next) {
    char link[PATH_MAX], target[PATH_MAX];
    size_t folder = length;
    snprintf(link, sizeof link, "%.*s", (int)length, path);
    if (mp_system_read_link(link, target, sizeof target) <= 0)
        return false;
    while (folder > 0 && (*target == '/' || path[folder - 1] != '/'))
        folder--;
    return snprintf(next, PATH_MAX, "%.*s%s%s", (int)folder, path, target, path + length) < PATH_MAX;
}

/* Watches the folders of all names on the way to the file by this path. */
static void watch_way(program_watch *watch, program_watched_file *file, const char *path, int links) {
    char next[PATH_MAX];
    for (size_t length = 0; path[length];) {
        length += strspn(path + length, "/");
        length += strcspn(path + length, "/");
        file->folder = watch_folder(watch, path, length, !path[length]);
        if (links < MAX_LINKS && follow(path, length, next)) {
            watch_way(watch, file, next, links + 1);
            return;
        }
    }
    const char *slash = strrchr(path, '/');
    free(file->name);
    file->name = strdup(slash ? slash + 1 : path);
}

static void note_change(void *context, const mp_change *change) {
    program_watch *watch = context;
    bool concerns = change->names || change->folder < 0;
    watch->moved = watch->moved || concerns;
    for (program_watched_file *file = watch->files; file; file = file->next) {
        if (file->folder != change->folder || !change->name || !file->name ||
            strcmp(file->name, change->name) != 0)
            continue;
        concerns = true;
        if (!change->attributes)
            file->writing = change->writing;
    }
    if (concerns)
        look_soon(watch);
}

static void on_events(mp_readable *events) {
    program_watch *watch = MP_CONTAINER(events, program_watch, events);
    if (events->deaf) { /* the system doesn't report changes any more */
        mp_readable_stop(events);
        mp_system_close(watch->fd);
        watch->fd = -1;
        look_in(watch, POLL);
        return;
    }
    mp_system_read_changes(watch->fd, note_change, watch);
}

static void find_file(program_watch *watch, program_watched_file *file) {
    if (watch->fd >= 0 && strlen(file->path) < PATH_MAX)
        watch_way(watch, file, file->path, 0);
}

/* --- what they are -------------------------------------------------------------------------------------- */

/* Looks at all files, for what has changed since it was loaded. *incomplete: not everything is there. */
static program_changes look_at_files(program_watch *watch, double now, bool *incomplete) {
    program_changes changes = {false, false};
    mp_file_status status;
    for (program_watched_file *file = watch->files; file; file = file->next) {
        if (watch->moved)
            find_file(watch, file);
        (void)mp_system_file_status(file->path, &status);
        if (!mp_system_same_file(&status, &file->seen))
            watch->changed_at = now;
        file->seen = status;
        if (mp_system_same_file(&status, &file->loaded))
            continue;
        *(file->of_tls ? &changes.tls : &changes.script) = true;
        *incomplete = *incomplete || status.size == 0 || file->writing;
    }
    watch->stray = watch->stray || watch->moved;
    watch->moved = false;
    return changes;
}

static void on_look(mp_delay *look) {
    program_watch *watch = MP_CONTAINER(look, program_watch, look);
    double now = mp_loop_now();
    bool incomplete = false;
    program_changes changes = look_at_files(watch, now, &incomplete);
    bool changed = changes.script || changes.tls;
    watch->looks_soon = false;
    if (changed && now < watch->changed_at + (incomplete ? INCOMPLETE : QUIET)) {
        look_soon(watch);
        return;
    }
    if (watch->polls)
        look_in(watch, POLL);
    if (!changed)
        return;
    for (program_watched_file *file = watch->files; file; file = file->next)
        file->loaded = file->seen;
    watch->changed(watch, changes);
}

static program_watched_file *find_watched(const program_watch *watch, const char *path, bool of_tls) {
    program_watched_file *file = watch->files;
    while (file && (file->of_tls != of_tls || strcmp(file->path, path) != 0))
        file = file->next;
    return file;
}

/* It may have changed since it was loaded, before it was watched. On top of the stack as for watch_file. */
static bool has_changed(const program_watched_file *file, lua_State *L) {
    const program_text *text = program_to_text(L, -1);
    if (text)
        return !program_is_text_of(text, file->path);
    return !lua_toboolean(L, -1) && file->loaded.inode != 0 && !file->loaded.is_folder;
}

/* Adds a file that is as it is now. NULL: no memory. */
static program_watched_file *add_file(program_watch *watch, const char *path, bool of_tls) {
    program_watched_file *file = calloc(1, sizeof *file + strlen(path) + 1);
    if (!file)
        return NULL;
    memcpy(file->path, path, strlen(path) + 1);
    file->next = watch->files;
    file->used = true;
    file->of_tls = of_tls;
    watch->files = file;
    find_file(watch, file);
    (void)mp_system_file_status(path, &file->loaded);
    file->seen = file->loaded;
    return file;
}

/* What has been read of it is older. */
static void has_changed_before(program_watch *watch) {
    watch->changed_at = mp_loop_now();
    look_soon(watch);
}

/* Watches a file. On top of the stack is its text when it was loaded; false: it was looked for, and not
   there; true: it could not be read, or it is a C module. */
static void watch_file(program_watch *watch, lua_State *L, const char *path) {
    program_watched_file *file = add_file(watch, path, false);
    if (!file) {
        luaL_error(L, "out of memory");
        return;
    }
    if (has_changed(file, L)) {
        memset(&file->loaded, 0, sizeof file->loaded);
        has_changed_before(watch);
    }
}

void program_watch_tls_file(program_watch *watch, const char *path, const mp_file_status *read) {
    program_watched_file *file = find_watched(watch, path, true);
    if (file)
        file->used = true;
    else if (!(file = add_file(watch, path, true)))
        mp_log(watch->loop->log_level, MP_LOG_WARNING, "--watch: out of memory: '%s' is not watched", path);
    else if (!mp_system_same_file(&file->loaded, read)) {
        file->loaded = *read;
        has_changed_before(watch);
    }
}

/* watch, environment... -> */
static int watch_sources(lua_State *L) {
    program_watch *watch = lua_touserdata(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) {
        if (!lua_istable(L, i))
            continue;
        lua_getfield(L, i, PROGRAM_SOURCES);
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (strcmp(lua_tostring(L, -2), "-") == 0) /* standard input */
                continue;
            program_watched_file *file = find_watched(watch, lua_tostring(L, -2), false);
            if (file)
                file->used = true;
            else
                watch_file(watch, L, lua_tostring(L, -2));
        }
    }
    return 0;
}

static void free_file(program_watched_file *file) {
    free(file->name);
    free(file);
}

static void mark_unused(program_watch *watch, bool of_tls) {
    for (program_watched_file *file = watch->files; file; file = file->next)
        file->used = file->used && file->of_tls != of_tls;
}

static void forget_unused(program_watch *watch) {
    for (program_watched_file **place = &watch->files, *file; (file = *place);) {
        if (file->used) {
            place = &file->next;
            continue;
        }
        *place = file->next;
        free_file(file);
        watch->stray = true;
    }
}

static void close_changes(program_watch *watch) {
    if (watch->fd < 0)
        return;
    mp_readable_stop(&watch->events);
    mp_system_close(watch->fd);
    watch->fd = -1;
}

static void open_changes(program_watch *watch) {
    watch->fd = mp_system_open_changes();
    if (watch->fd >= 0)
        mp_readable_start(&watch->events, watch->loop, watch->fd, on_events);
    else
        poll_files(watch, watch->fd);
}

/* Watches the folders of all files, and no others. The look afterwards finds what changes meanwhile. */
static void watch_anew(program_watch *watch) {
    watch->stray = false;
    close_changes(watch);
    open_changes(watch);
    for (program_watched_file *file = watch->files; file; file = file->next)
        find_file(watch, file);
    look_soon(watch);
}

/* Adds the files of environments, references. False: not all of them, for want of memory. */
static bool add_files(program_watch *watch, lua_State *L, int serving, int loading) {
    lua_pushcfunction(L, watch_sources);
    lua_pushlightuserdata(L, watch);
    lua_rawgeti(L, LUA_REGISTRYINDEX, serving);
    lua_rawgeti(L, LUA_REGISTRYINDEX, loading);
    if (lua_pcall(L, 3, 0, 0) == LUA_OK)
        return true;
    mp_log(watch->loop->log_level, MP_LOG_WARNING, "--watch: %s: some files are not watched",
           lua_tostring(L, -1));
    lua_pop(L, 1);
    return false;
}

void program_watch_more(program_watch *watch, lua_State *L, int environment) {
    if (watch->loop && add_files(watch, L, environment, LUA_NOREF) && watch->stray)
        watch_anew(watch);
}

void program_update_watch(program_watch *watch, lua_State *L, int serving, int loading) {
    if (!watch->loop)
        return;
    mark_unused(watch, false);
    if (!add_files(watch, L, serving, loading))
        return;
    forget_unused(watch);
    if (watch->stray)
        watch_anew(watch);
}

void program_update_tls_watch(program_watch *watch, void (*add)(program_watch *watch)) {
    if (!watch->loop)
        return;
    mark_unused(watch, true);
    add(watch);
    forget_unused(watch);
    if (watch->stray)
        watch_anew(watch);
}

void program_start_watch(program_watch *watch, mp_loop *loop,
                         void (*changed)(program_watch *watch, program_changes changes), void *owner) {
    watch->loop = loop;
    watch->changed = changed;
    watch->owner = owner;
    open_changes(watch);
}

void program_stop_watch(program_watch *watch) {
    if (!watch->loop)
        return;
    mp_delay_stop(&watch->look, watch->loop);
    close_changes(watch);
    while (watch->files) {
        program_watched_file *file = watch->files;
        watch->files = file->next;
        free_file(file);
    }
    watch->loop = NULL;
}
