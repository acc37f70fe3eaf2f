/*
 * --watch: reloads when the script or a module of its folder has changed. Folders are watched, not files, since editors write
 * beside a file and rename; what counts is what the files are when it has been quiet for a moment, so that saving twice
 * in a row is one reload and a file that is gone for a moment is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

#ifdef __linux__
#include <sys/inotify.h>
#endif

#define QUIET 0.030 /* seconds */
#define GONE 500.0  /* milliseconds after which a file that is missing has been removed for good */
#define POLL 0.500  /* seconds, where there is no inotify */

typedef struct watched_file {
    struct watched_file *next;
    struct stat status;
    char path[];
} watched_file;

struct program_watch {
    watched_file *files;
    double missing_since; /* 0: nothing is missing */
    int fd;               /* of inotify, -1: poll */
    ev_io events;
    ev_timer timer;
};

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_again(program_watch *watch, struct ev_loop *ev, double seconds) {
    ev_timer_stop(ev, &watch->timer);
    ev_timer_set(&watch->timer, seconds, watch->fd < 0 ? POLL : 0.);
    ev_timer_start(ev, &watch->timer);
}

/* Looks at a file; one that is missing has no inode. Whether it is another than before. */
static bool has_changed(const watched_file *file, struct stat *now) {
    if (stat(file->path, now) < 0)
        memset(now, 0, sizeof *now);
    return !same(now, &file->status);
}

/* It has been quiet: has anything changed, and is everything there, or gone for good? */
static void on_quiet(struct ev_loop *ev, ev_timer *timer, int revents) {
    program *self = timer->data;
    program_watch *watch = self->watch;
    bool changed = false, missing = false;
    struct stat now;
    (void)revents;
    for (watched_file *file = watch->files; file; file = file->next) {
        if (!has_changed(file, &now))
            continue;
        changed = true;
        missing = missing || now.st_ino == 0;
    }
    if (missing) {
        if (watch->missing_since <= 0)
            watch->missing_since = mp_loop_now();
        if (mp_loop_now() < watch->missing_since + GONE) {
            look_again(watch, ev, GONE / 1000.0);
            return; /* it comes back, and with it an event */
        }
    }
    watch->missing_since = 0;
    if (!changed)
        return;
    for (watched_file *file = watch->files; file; file = file->next)
        if (has_changed(file, &now))
            file->status = now;
    (void)program_want_reload(self);
}

static void on_events(struct ev_loop *ev, ev_io *watcher, int revents) {
    program *self = watcher->data;
    char buffer[4096];
    (void)revents;
    while (read(watcher->fd, buffer, sizeof buffer) > 0)
        continue;
    look_again(self->watch, ev, QUIET);
}

static void watch_folder(program_watch *watch, const char *path) {
#ifdef __linux__
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    if (watch->fd < 0 || length >= sizeof folder)
        return;
    memcpy(folder, slash ? path : ".", length);
    folder[length] = '\0';
    (void)inotify_add_watch(watch->fd, length ? folder : "/",
                            IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB);
#else
    (void)watch;
    (void)path;
#endif
}

static bool is_watched(const program_watch *watch, const char *path) {
    for (const watched_file *file = watch->files; file; file = file->next)
        if (strcmp(file->path, path) == 0)
            return true;
    return false;
}

/* Watches a file whose text was on top of the stack when it was loaded. */
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
    (void)stat(path, &file->status);
    watch_folder(watch, path);
    /* It may have changed since it was loaded, before it was watched. */
    (void)program_push_file(L, path);
    if (!lua_rawequal(L, -1, -2)) {
        memset(&file->status, 0, sizeof file->status);
        look_again(watch, self->state->loop->ev, QUIET);
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
    ev_timer_init(&watch->timer, on_quiet, POLL, watch->fd < 0 ? POLL : 0.);
    watch->timer.data = self;
    if (watch->fd < 0) {
        ev_timer_start(ev, &watch->timer);
        return true;
    }
    ev_io_init(&watch->events, on_events, watch->fd, EV_READ);
    watch->events.data = self;
    ev_io_start(ev, &watch->events);
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
        free(file);
    }
    free(watch);
    self->watch = NULL;
}
