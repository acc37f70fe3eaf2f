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

#include "net/descriptor.h"
#include "operate/place.h"
#include "system/local.h"
#include "system/system.h"

#define BACKLOG 4096
#define SAVING 30000.0 /* milliseconds behind --grace for the last snapshot */
#define PLACES 4

static mp_network *network_of(const program_store *self) {
    return mp_network_of(self->state->loop);
}

static void close_descriptor(const program_store *self, int *fd) {
    if (*fd >= 0)
        mp_descriptor_close(network_of(self), *fd);
    *fd = -1;
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
    *self = (program_store){.state = state, .options = options, .fd = -1};
}

const char *program_open_store(program_store *self, char *text, size_t size) {
    if (self->place)
        return NULL;
    const char *why = open_socket(self, text, size);
    if (why)
        return why;
    self->process = (program_own_process){.state = self->state,
                                          .options = self->options,
                                          .name = "the store",
                                          .option = "--as-store",
                                          .word = self->place->name.bytes,
                                          .given = self->fd,
                                          .channel = -1,
                                          .process = -1};
    int result = program_start_own_process(&self->process);
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
    return self->process.pid;
}

bool program_close_store(program_store *self) {
    if (!self->place)
        return true;
    bool saved = program_end_own_process(&self->process, self->options->grace + SAVING);
    close_socket(self);
    return saved;
}
