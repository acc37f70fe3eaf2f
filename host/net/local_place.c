/*
 * Places of listening Unix-domain sockets; see local_place.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/local_place.h"

#include <errno.h>
#include <stdlib.h>

#include "system/local.h"
#include "system/system.h"

#define OF_GROUP 070

static enum mp_fault fault_of(int result) {
    return result < 0 ? mp_fault_from_errno(MP_ATTEMPT_BIND_LOCAL, -result) : MP_FAULT_NONE;
}

/* --- what is there already ------------------------------------------------------------------------------ */

/* NONE: nothing is there, or a socket on which nobody listens: then *stale says which. */
static enum mp_fault look(const char *path, const mp_local_name *name, mp_file_identity *stale, bool *found) {
    *found = false;
    int result = mp_system_identify(path, stale);
    if (result == -ENOENT)
        return MP_FAULT_NONE;
    if (result < 0)
        return fault_of(result);
    if (!stale->is_socket)
        return MP_FAULT_FOREIGN_FILE;
    *found = true;
    result = mp_system_knock(name);
    return result == -ECONNREFUSED || result == -ENOENT ? MP_FAULT_NONE
           : result == -EMFILE || result == -ENFILE     ? MP_FAULT_RESOURCE
                                                        : MP_FAULT_ADDRESS_IN_USE;
}

enum mp_fault mp_local_name_probe(const mp_local_name *name) {
    mp_file_identity stale;
    bool found;
    if (!name->abstract)
        return look(name->bytes, name, &stale, &found);
    int result = mp_system_knock(name);
    return result == -EPROTOTYPE || result == 0 ? MP_FAULT_ADDRESS_IN_USE : MP_FAULT_NONE;
}

/* The folder is locked, so nobody who locks it, too, makes or removes the file meanwhile. For the others it
   looks again. */
static enum mp_fault remove_stale(const mp_local_name *name) {
    mp_file_identity stale = {0}, now = {0};
    bool found;
    enum mp_fault fault = look(name->bytes, name, &stale, &found);
    if (fault != MP_FAULT_NONE || !found)
        return fault;
    int result = mp_system_identify(name->bytes, &now);
    if (result == 0 && !mp_system_is_same_file(&stale, &now))
        return MP_FAULT_ADDRESS_IN_USE;
    if (result == 0)
        result = mp_system_remove_file(name->bytes);
    return result == -ENOENT ? MP_FAULT_NONE : fault_of(result);
}

enum mp_fault mp_local_name_remove(const mp_local_name *name) {
    mp_file_identity stale;
    if (name->abstract)
        return mp_local_name_probe(name);
    int result = mp_system_identify(name->bytes, &stale);
    if (result < 0)
        return result == -ENOENT || result == -ENOTDIR ? MP_FAULT_NONE : fault_of(result);
    int lock = mp_system_lock_folder_of(name->bytes);
    if (lock < 0)
        return fault_of(lock);
    enum mp_fault fault = remove_stale(name);
    mp_system_close(lock);
    return fault;
}

/* --- binding -------------------------------------------------------------------------------------------- */

static enum mp_fault replace_stale(const mp_local_name *name, int fd) {
    int lock = mp_system_lock_folder_of(name->bytes);
    if (lock < 0)
        return fault_of(lock);
    enum mp_fault fault = remove_stale(name);
    if (fault == MP_FAULT_NONE)
        fault = fault_of(mp_system_bind_local(fd, name));
    mp_system_close(lock);
    return fault;
}

/* The group that bind(2) gives the file may be another one than the one that is meant. */
static mode_t mode_at_first(const mp_local_access *access) {
    return access->group == (gid_t)-1 ? access->mode : access->mode & (mode_t)~OF_GROUP;
}

enum mp_fault mp_local_place_set_access(mp_local_place *place, const mp_local_access *access) {
    if (!place->file || !access->set)
        return MP_FAULT_NONE;
    return fault_of(
        mp_system_set_file_access(mp_system_socket_file_path(place->file), access->group, access->mode));
}

enum mp_fault mp_local_place_bind(mp_local_place *place, int fd, const mp_local_access *access) {
    if (access->set && !place->name.abstract) {
        int result = mp_system_set_socket_mode(fd, mode_at_first(access));
        if (result < 0)
            return fault_of(result);
    }
    int result = mp_system_bind_local(fd, &place->name);
    enum mp_fault fault = result == -EADDRINUSE && !place->name.abstract ? replace_stale(&place->name, fd)
                                                                         : fault_of(result);
    if (fault != MP_FAULT_NONE || place->name.abstract)
        return fault;
    fault = fault_of(mp_system_record_socket_file(place->name.bytes, &place->file));
    /* The umask may have taken more away than `access` does. */
    return fault != MP_FAULT_NONE ? fault : mp_local_place_set_access(place, access);
}

/* --- life ----------------------------------------------------------------------------------------------- */

mp_local_place *mp_local_place_new(const mp_local_name *name) {
    mp_local_place *place = calloc(1, sizeof *place);
    if (place)
        place->name = *name;
    return place;
}

void mp_local_place_free(mp_local_place *place) {
    if (!place)
        return;
    mp_system_drop_socket_file(place->file);
    free(place);
}
