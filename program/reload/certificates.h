/*
 * Certificates that are renewed while the program runs: SIGHUP and --watch have TLS read its files again,
 * also when the script is as it was. Before a reload, so that the new code finds what is used already. Does
 * nothing in a build without TLS.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_CERTIFICATES_H
#define PROGRAM_CERTIFICATES_H

#include "net/network.h"
#include "reload/watch.h"

typedef struct program_certificates {
    mp_network *network;
    program_watch *watch;
    mp_soon files; /* of TLS may be others */
    bool reloads;  /* as soon as they are read */
    void (*reload)(void *owner);
    void *owner;
} program_certificates;

/* `reload` is called behind a refresh that asks for it. `watch`: NULL, or has been started. False: no memory
   to watch them. */
bool program_start_certificates(program_certificates *self, mp_network *network, program_watch *watch,
                                void (*reload)(void *owner), void *owner);

/* Has all be read again. From the loop. */
void program_refresh_certificates(program_certificates *self, bool reloads);

/* Safe for one that was never started. */
void program_stop_certificates(program_certificates *self);

/* --keylog: adds the secrets of all connections to the file, and says so in the log. 0 or -errno;
   -ENOTSUP: there is no TLS */
int program_log_keys(mp_network *network, const char *path);

#endif
