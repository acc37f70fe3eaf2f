/*
 * The owner's part of the store; see store.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class/process.h"
#include "net/descriptor.h"
#include "operate/place.h"
#include "system/interrupt.h"
#include "system/local.h"
#include "system/process.h"
#include "system/system.h"

#define BACKLOG 4096
#define SAVING 30000.0  /* milliseconds behind --grace for the last snapshot */
#define HEALTH 60000.0  /* that make the next death the first one */
#define LONGEST 30000.0 /* pause before it is started again */
#define PLACES 4

static void start_again(program_store *self);

static mp_network *network_of(const program_store *self) {
    return mp_network_of(self->state->loop);
}

static void close_descriptor(const program_store *self, int *fd) {
    if (*fd >= 0)
        mp_descriptor_close(network_of(self), *fd);
    *fd = -1;
}

/* --- the process ---------------------------------------------------------------------------------------- */

/* moonport --as-store PATH moonport …: it has the program's own words. */
static int spawn(program_store *self, int input) {
    const program_options *options = self->options;
    size_t count = (size_t)options->argument_count;
    char program[] = "moonport", as[] = "--as-store";
    char **words = calloc(count + 4, sizeof *words);
    if (!words)
        return -ENOMEM;
    words[0] = program;
    words[1] = as;
    words[2] = self->place->name.bytes;
    memcpy(words + 3, options->arguments, count * sizeof *words);
    mp_spawn how = {.program = "/proc/self/exe", /* also if another version has been installed meanwhile */
                    .arguments = words,
                    .standard = {input, -1, -1},
                    .channel = self->fd,
                    .sheltered = true,
                    .parting = PROGRAM_PARTING};
    int result = mp_system_spawn(&how, &self->pid, &self->process);
    free(words);
    return result;
}

static void on_ended(mp_readable *ended) {
    program_store *self = MP_CONTAINER(ended, program_store, ended);
    enum mp_log_level level = self->state->loop->log_level;
    mp_exit how;
    if (mp_system_look_at_exit(self->process, &how) != 1)
        return;
    mp_readable_stop(ended);
    mp_system_reap(self->process);
    close_descriptor(self, &self->process);
    close_descriptor(self, &self->channel);
    self->pid = 0;
    const char *name = how.signalled ? binding_exit_signal_name(how.status) : NULL;
    if (name)
        mp_log(level, MP_LOG_ERROR, "the store was ended by %s", name);
    else
        mp_log(level, MP_LOG_ERROR, "the store ended with %s %d", how.signalled ? "signal" : "status",
               how.status);
    start_again(self);
}

/* Returns 0 or -errno. */
static int start(program_store *self) {
    int fds[2], result = mp_system_pair(fds);
    if (result < 0)
        return result;
    self->started = mp_loop_now();
    result = spawn(self, fds[1]);
    mp_system_close(fds[1]);
    if (result < 0) {
        mp_system_close(fds[0]);
        return result;
    }
    self->channel = fds[0];
    mp_descriptor_own(network_of(self), self->channel); /* no script can take these */
    mp_descriptor_own(network_of(self), self->process);
    mp_readable_start(&self->ended, self->state->loop, self->process, on_ended);
    return 0;
}

static void start_or_wait(program_store *self) {
    int result = start(self);
    if (result == 0)
        return;
    mp_log(self->state->loop->log_level, MP_LOG_ERROR, "the store can't be started: %s", strerror(-result));
    start_again(self);
}

static void on_again(mp_delay *again) {
    start_or_wait(MP_CONTAINER(again, program_store, again));
}

/* At once the first time, then after 1, 2, 4 … 30 s: as workers, see pauses.lua. */
static void start_again(program_store *self) {
    if (mp_loop_now() - self->started >= HEALTH)
        self->deaths = 0;
    double pause = self->deaths == 0 ? 0 : self->deaths < 6 ? 1000.0 * (1 << (self->deaths - 1)) : LONGEST;
    self->deaths++;
    if (pause > 0)
        mp_log(self->state->loop->log_level, MP_LOG_INFO, "the store is started again in %.14g s",
               pause / 1e3);
    mp_delay_start(&self->again, self->state->loop, pause, on_again);
}

/* --- the socket ----------------------------------------------------------------------------------------- */

static const char *set_name(mp_local_name *name, const char *path) {
    return mp_local_name_set(name, path, strlen(path), false) == 0 ? NULL : "its path is too long";
}

/* Beside the control socket; or where that can't be, in a folder for temporary files, by a name that nobody
   can guess. `number` counts the places from 0 to PLACES. */
static const char *find_place(const program_options *options, int number, mp_local_name *name, char *text,
                              size_t size) {
    const char *const folders[PLACES] = {NULL, getenv("TMPDIR"), "/tmp", "/dev/shm"};
    const char *wish = options->control, *folder = folders[number];
    char path[256];
    uint64_t random;
    if (number == 0) {
        if (wish && *wish != '/')
            return "there is no control folder"; /* or only for those that run in this one */
        const char *why = program_find_place(wish, name, text, size);
        if (why)
            return why;
        snprintf(path, sizeof path, "%s.store", name->bytes);
        return set_name(name, path);
    }
    if (!folder || *folder != '/')
        return "no folder";
    mp_system_random(&random, sizeof random);
    int length = snprintf(path, sizeof path, "%s/moonport_%016llx.store", folder, (unsigned long long)random);
    return length < (int)sizeof path ? set_name(name, path) : "its path is too long";
}

static const char *listen_at(program_store *self, const mp_local_name *name) {
    const mp_local_access access = {.set = true, .mode = 0600, .group = (gid_t)-1};
    self->place = mp_local_place_new(name);
    self->fd = self->place ? mp_system_socket(AF_UNIX) : -ENOMEM;
    if (self->fd < 0)
        return strerror(-self->fd);
    mp_descriptor_own(network_of(self), self->fd);
    enum mp_fault fault = mp_local_place_bind(self->place, self->fd, &access);
    if (fault != MP_FAULT_NONE)
        return mp_fault_text(fault);
    int result = mp_system_listen(self->fd, BACKLOG);
    return result < 0 ? strerror(-result) : NULL;
}

static void close_socket(program_store *self) {
    mp_local_place_free(self->place);
    self->place = NULL;
    close_descriptor(self, &self->fd);
}

static const char *open_socket(program_store *self, char *text, size_t size) {
    const char *why = NULL;
    char own[256];
    *text = '\0';
    for (int i = 0; i < PLACES; i++) {
        mp_local_name name;
        why = find_place(self->options, i, &name, own, sizeof own);
        if (!why)
            why = listen_at(self, &name);
        if (!why)
            return NULL;
        close_socket(self);
        if (i == 0)
            snprintf(text, size, "no place for the store's socket: %s", why);
    }
    return text;
}

/* --- life ----------------------------------------------------------------------------------------------- */

void program_init_store(program_store *self, binding_state *state, const program_options *options) {
    *self = (program_store){.state = state, .options = options, .fd = -1, .channel = -1, .process = -1};
}

const char *program_open_store(program_store *self, char *text, size_t size) {
    if (self->place)
        return NULL;
    const char *why = open_socket(self, text, size);
    if (why)
        return why;
    int result = start(self);
    if (result == 0)
        return NULL;
    close_socket(self);
    snprintf(text, size, "the store can't be started: %s", strerror(-result));
    return text;
}

const char *program_store_path(const program_store *self) {
    return self->place->name.bytes;
}

pid_t program_store_pid(const program_store *self) {
    return self->pid;
}

bool program_close_store(program_store *self) {
    mp_exit how = {0};
    if (!self->place)
        return true;
    mp_readable_stop(&self->ended);
    mp_delay_stop(&self->again, self->state->loop);
    if (self->process >= 0) {
        close_descriptor(self, &self->channel);
        (void)mp_system_wait(self->process, false, (int)(self->options->grace + SAVING));
        if (mp_system_look_at_exit(self->process, &how) == 1) {
            mp_system_reap(self->process);
        } else {
            mp_log(self->state->loop->log_level, MP_LOG_ERROR,
                   "the store did not stop in time: it is killed");
            (void)mp_system_signal_process(self->process, SIGKILL);
            mp_system_wait_and_reap(self->process);
            how.status = 1;
        }
        close_descriptor(self, &self->process);
    }
    close_socket(self);
    return how.status == 0;
}
