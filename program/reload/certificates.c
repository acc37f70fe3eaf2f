/*
 * Renewed certificates; see certificates.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload/certificates.h"

#ifdef MOONPORT_TLS

#include "tls/renewal.h"

static void add_files(program_watch *watch) {
    const mp_network *network = mp_network_of(watch->loop);
    const mp_tls_configuration *one = NULL;
    while ((one = mp_tls_next_configuration(network, one)))
        for (int i = 0; i < MP_TLS_TEXTS; i++) {
            const mp_file_status *read;
            const char *path = mp_tls_configuration_file(one, (enum mp_tls_text)i, &read);
            if (path)
                program_watch_tls_file(watch, path, read);
        }
}

static void on_files(mp_soon *files) {
    program_update_tls_watch(MP_CONTAINER(files, program_certificates, files)->watch, add_files);
}

static void on_files_changed(void *observer) {
    program_certificates *self = observer;
    mp_soon_start(&self->files, &self->network->loop, on_files);
}

static void on_refreshed(void *owner) {
    program_certificates *self = owner;
    bool reloads = self->reloads;
    self->reloads = false;
    if (reloads)
        self->reload(self->owner);
}

bool program_start_certificates(program_certificates *self, mp_network *network, program_watch *watch,
                                void (*reload)(void *owner), void *owner) {
    *self = (program_certificates){.network = network, .watch = watch, .reload = reload, .owner = owner};
    return !watch || mp_tls_observe_files(network, on_files_changed, self) == 0;
}

void program_refresh_certificates(program_certificates *self, bool reloads) {
    self->reloads = self->reloads || reloads;
    mp_tls_refresh_all(self->network, on_refreshed, self);
}

void program_stop_certificates(program_certificates *self) {
    if (!self->network)
        return;
    mp_soon_stop(&self->files);
    (void)mp_tls_observe_files(self->network, NULL, NULL);
    mp_tls_stop_refreshing(self->network);
}

int program_log_keys(mp_network *network, const char *path) {
    int result = mp_tls_log_keys(network, path);
    if (result == 0)
        mp_log(network->loop.log_level, MP_LOG_WARNING,
               "--keylog: '%s' gets the secrets of all TLS connections: whoever reads it can decrypt them",
               path);
    return result;
}

#else

#include <errno.h>

bool program_start_certificates(program_certificates *self, mp_network *network, program_watch *watch,
                                void (*reload)(void *owner), void *owner) {
    *self = (program_certificates){.network = network, .watch = watch, .reload = reload, .owner = owner};
    return true;
}

void program_refresh_certificates(program_certificates *self, bool reloads) {
    if (reloads)
        self->reload(self->owner);
}

void program_stop_certificates(program_certificates *self) {
    (void)self;
}

int program_log_keys(mp_network *network, const char *path) {
    (void)network;
    (void)path;
    return -ENOTSUP;
}

#endif
