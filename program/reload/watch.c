/*
 * --watch: reloads when the script or a module of its folder has changed. Folders are watched, not files, since editors write
 * beside a file and rename, and all folders on the way to a file, since folders and links may be exchanged too. What counts is
 * what the files are when they have been so for a moment: saving twice in a row is one reload. What is gone, empty or
 * still open for writing has more time, since nobody means it so.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

#ifdef __linux__
#include <sys/inotify.h>
#endif

#define LOOK 0.015       /* seconds from an event to a look, and between two of a change */
#define QUIET 25.0       /* milliseconds that a change must have lasted */
#define INCOMPLETE 500.0 /* the same for a file that is gone, empty or being written */
#define POLL 0.500       /* seconds between two looks, where there is no inotify */
#define MAX_LINKS 40     /* on the way to a file */

typedef struct watched_file {
    struct watched_file *next;
    struct stat status; /* when it was loaded; one that is missing has no inode */
    struct stat seen;   /* at the last look */
    int folder;         /* inotify's number of the folder it is in, all links followed */
    bool writing;       /* was changed in place, and not closed since */
    char *name;         /* in that folder */
    char path[];
} watched_file;

struct program_watch {
    watched_file *files;
    double changed_at; /* when a look found a file changed last */
    bool moved;        /* a folder or link may be another one than it was */
    int fd;            /* of inotify, -1: poll */
    ev_io events;
    ev_timer timer;
};

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_soon(program_watch *watch, struct ev_loop *ev) {
    if (ev_is_active(&watch->timer) && watch->fd >= 0)
        return;
    ev_timer_stop(ev, &watch->timer);
    ev_timer_set(&watch->timer, LOOK, watch->fd < 0 ? POLL : 0.);
    ev_timer_start(ev, &watch->timer);
}

/* --- where files are ------------------------------------------------------------------------------------------------- */

#ifdef __linux__
#define WAY_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define FILE_EVENTS (WAY_EVENTS | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)

/* Watches the folder of the first `length` bytes of the path. -> its number, or -1 */
static int watch_folder(const program_watch *watch, const char *path, size_t length, uint32_t events) {
    char folder[PATH_MAX];
    while (length > 0 && path[length - 1] != '/')
        length--;
    snprintf(folder, sizeof folder, "%.*s", length ? (int)length : 1, length ? path : ".");
    return inotify_add_watch(watch->fd, folder, events | IN_MASK_ADD);
}

/* Are the first `length` bytes of the path a link? Then `next` is the path with what it leads to in their place. */
static bool follow(const char *path, size_t length, char *next) {
    char link[PATH_MAX], target[PATH_MAX];
    size_t folder = length;
    snprintf(link, sizeof link, "%.*s", (int)length, path);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0)
        return false;
    while (folder > 0 && (*target == '/' || path[folder - 1] != '/'))
        folder--;
    return snprintf(next, PATH_MAX, "%.*s%.*s%s", (int)folder, path, (int)n, target, path + length) <
           PATH_MAX;
}

/* Watches the folders of all names on the way to the file by this path. */
static void watch_way(const program_watch *watch, watched_file *file, const char *path, int links) {
    char next[PATH_MAX];
    for (size_t length = 0; path[length];) {
        length += strspn(path + length, "/");
        length += strcspn(path + length, "/");
        file->folder = watch_folder(watch, path, length, path[length] ? WAY_EVENTS : FILE_EVENTS);
        if (links < MAX_LINKS && follow(path, length, next)) {
            watch_way(watch, file, next, links + 1);
            return;
        }
    }
    const char *slash = strrchr(path, '/');
    free(file->name);
    file->name = strdup(slash ? slash + 1 : path);
}

static void note_event(program_watch *watch, const struct inotify_event *event, struct ev_loop *ev) {
    bool concerns = event->mask & (WAY_EVENTS | IN_Q_OVERFLOW);
    watch->moved = watch->moved || concerns;
    for (watched_file *file = watch->files; file; file = file->next) {
        if (file->folder != event->wd || event->len == 0 || !file->name ||
            strcmp(file->name, event->name) != 0)
            continue;
        concerns = true;
        if (event->mask & (IN_MODIFY | IN_CLOSE_WRITE | WAY_EVENTS))
            file->writing = event->mask & IN_MODIFY;
    }
    if (concerns)
        look_soon(watch, ev);
}

static void on_events(struct ev_loop *ev, ev_io *watcher, int revents) {
    program *self = watcher->data;
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n;
    (void)revents;
    while ((n = read(watcher->fd, buffer, sizeof buffer)) > 0)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (struct inotify_event *)at;
            note_event(self->watch, event, ev);
            at += sizeof *event + event->len;
        }
}
#endif

static void find_file(const program_watch *watch, watched_file *file) {
#ifdef __linux__
    if (watch->fd >= 0 && strlen(file->path) < PATH_MAX)
        watch_way(watch, file, file->path, 0);
#else
    (void)watch;
    (void)file;
#endif
}

/* --- what they are --------------------------------------------------------------------------------------------------- */

static void look_at(const watched_file *file, struct stat *status) {
    if (stat(file->path, status) < 0)
        memset(status, 0, sizeof *status);
}

/* Has anything changed, and is it all there? */
static void on_look(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    program_watch *watch = self->watch;
    double now = mp_loop_now();
    bool changed = false, incomplete = false;
    struct stat status;
    (void)revents;
    for (watched_file *file = watch->files; file; file = file->next) {
        if (watch->moved)
            find_file(watch, file);
        look_at(file, &status);
        if (!same(&status, &file->seen))
            watch->changed_at = now;
        file->seen = status;
        if (same(&status, &file->status))
            continue;
        changed = true;
        incomplete = incomplete || status.st_size == 0 || file->writing;
    }
    watch->moved = false;
    if (!changed)
        return;
    if (now < watch->changed_at + (incomplete ? INCOMPLETE : QUIET)) {
        look_soon(watch, ev);
        return;
    }
    for (watched_file *file = watch->files; file; file = file->next)
        file->status = file->seen;
    (void)program_want_reload(self);
}

static bool is_watched(const program_watch *watch, const char *path) {
    for (const watched_file *file = watch->files; file; file = file->next)
        if (strcmp(file->path, path) == 0)
            return true;
    return false;
}

/* Watches a file. On top of the stack is its text when it was loaded; false: it was looked for, and not there. */
static void watch_file(program *self, lua_State *L, const char *path) {
    program_watch *watch = self->watch;
    watched_file *file = calloc(1, sizeof *file + strlen(path) + 1);
    if (!file) {
        luaL_error(L, "out of memory");
        return;
    }
    memcpy(file->path, path, strlen(path) + 1);
    file->next = watch->files;
    watch->files = file;
    find_file(watch, file);
    look_at(file, &file->status);
    file->seen = file->status;
    /* It may have changed since it was loaded, before it was watched. */
    bool there = program_push_file(L, path);
    if (there ? !lua_rawequal(L, -1, -2) : lua_isstring(L, -2)) {
        memset(&file->status, 0, sizeof file->status);
        watch->changed_at = mp_loop_now();
        look_soon(watch, self->state->loop->ev);
    }
    lua_pop(L, 1);
}

/* self, environment... -> */
static int watch_sources(lua_State *L) {
    program *self = lua_touserdata(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) {
        if (!lua_istable(L, i))
            continue;
        lua_getfield(L, i, PROGRAM_SOURCES);
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
            if (!is_watched(self->watch, lua_tostring(L, -2)))
                watch_file(self, L, lua_tostring(L, -2));
    }
    return 0;
}

void program_update_watch(program *self) {
    lua_State *L = self->L;
    lua_pushcfunction(L, watch_sources);
    lua_pushlightuserdata(L, self);
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->environment);
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->load.environment);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
        mp_log(self->state->loop->log_level, MP_LOG_WARNING, "--watch: %s: some files are not watched",
               lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}

bool program_start_watch(program *self) {
    struct ev_loop *ev = self->state->loop->ev;
    program_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return false;
    self->watch = watch;
    watch->fd = -1;
#ifdef __linux__
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
#endif
    ev_timer_init(&watch->timer, on_look, POLL, watch->fd < 0 ? POLL : 0.);
    watch->timer.data = self;
    if (watch->fd < 0) {
        ev_timer_start(ev, &watch->timer);
        return true;
    }
#ifdef __linux__
    ev_io_init(&watch->events, on_events, watch->fd, EV_READ);
    watch->events.data = self;
    ev_io_start(ev, &watch->events);
#endif
    return true;
}

void program_stop_watch(program *self) {
    program_watch *watch = self->watch;
    if (!watch)
        return;
    ev_timer_stop(self->state->loop->ev, &watch->timer);
    if (watch->fd >= 0) {
        ev_io_stop(self->state->loop->ev, &watch->events);
        close(watch->fd);
    }
    while (watch->files) {
        watched_file *file = watch->files;
        watch->files = file->next;
        free(file->name);
        free(file);
    }
    free(watch);
    self->watch = NULL;
}
