/*
 * The place of a listening Unix-domain socket: its name and, unless that is abstract, its file. A file that a
 * crashed server has left is replaced. A file on which somebody listens, or that is no socket, is never
 * touched (D25).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_PLACE_H
#define MP_LOCAL_PLACE_H

#include <sys/types.h>

#include "data/error.h"
#include "data/local_name.h"
#include "system/socket_file.h"

/* Who may connect. */
typedef struct mp_local_access {
    bool set; /* otherwise the umask says it */
    mode_t mode;
    gid_t group; /* (gid_t)-1: that of the process */
} mp_local_access;

typedef struct mp_local_place {
    mp_local_name name;
    mp_socket_file *file; /* that this process has made; NULL: none */
} mp_local_place;

/* Makes a place that has no file yet; NULL: no memory. */
mp_local_place *mp_local_place_new(const mp_local_name *name);

/* Removes its file, unless that is another one by now. NULL does nothing. */
void mp_local_place_free(mp_local_place *place);

/* What mp_local_place_bind would say about the file that is there now. A live socket is ADDRESS_IN_USE. */
enum mp_fault mp_local_name_probe(const mp_local_name *name);

/* Binds `fd`. The file is never more accessible than `access` says. */
enum mp_fault mp_local_place_bind(mp_local_place *place, int fd, const mp_local_access *access);

/* Changes who may connect. Does nothing without a file. */
enum mp_fault mp_local_place_set_access(mp_local_place *place, const mp_local_access *access);

/* Removes the file of a socket on which nobody listens. NONE also if there is no file. */
enum mp_fault mp_local_name_remove(const mp_local_name *name);

#endif
