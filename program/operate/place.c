/*
 * Places of control sockets; see place.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"
#include "system/process.h"

static const char roots_folder[] = "/run/moonport";   /* where units have folders of other users */
static const char others_folder[] = "/tmp/moonport-"; /* and the number of a user */
static const char too_long[] = "its path is too long for a Unix-domain socket";

/* The folders where programs of this user put their sockets: number 0, 1 …, "" for no more. */
static const char *place_folder(int number, char *path, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool has_runtime = runtime && *runtime == '/';
    unsigned user = mp_system_user();
    path[0] = '\0';
    if (number == 0 && user == 0)
        snprintf(path, size, "%s", roots_folder);
    else if (number == 0 && has_runtime)
        snprintf(path, size, "%s/moonport", runtime);
    else if (number == (user == 0 || has_runtime))
        snprintf(path, size, "%s%u", others_folder, user);
    return path;
}

static const char *take(const char *path, mp_local_name *name) {
    return mp_local_name_set(name, path, strlen(path), false) == 0 ? NULL : too_long;
}

const char *program_find_place(const char *wish, mp_local_name *name, char *why, size_t size) {
    const char *runtime = getenv("RUNTIME_DIRECTORY"); /* by systemd: the service's folder, or several */
    char path[256], folder[128];
    int result = -1;
    if (wish)
        return take(wish, name);
    if (runtime && *runtime == '/') {
        int length = snprintf(path, sizeof path, "%.*s/control", (int)strcspn(runtime, ":"), runtime);
        return length < (int)sizeof path ? take(path, name) : too_long;
    }
    for (int i = 0; result < 0 && *place_folder(i, folder, sizeof folder); i++) {
        result = mp_system_make_own_folder(folder, strcmp(folder, roots_folder) != 0);
        snprintf(path, sizeof path, "%s/%d", folder, mp_system_process_number());
        if (result < 0)
            snprintf(why, size, "%s: %s", folder,
                     result == -EPERM ? "belongs to somebody else, or others may look into it"
                                      : strerror(-result));
    }
    return result < 0 ? why : take(path, name);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

typedef struct listing {
    void (*found)(void *context, const char *path);
    void *context;
} listing;

static void tell(const listing *to, const char *folder, const char *name, const char *rest) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, rest);
    to->found(to->context, path);
}

/* The socket of a program that was started by hand has the number of its process as a name. */
static bool is_number(const char *name) {
    return strspn(name, "0123456789") == strlen(name);
}

static void list_program(void *to, const char *folder, const char *name) {
    if (is_number(name))
        tell(to, folder, name, "");
}

static void list_in_roots_folder(void *to, const char *folder, const char *name) {
    tell(to, folder, name, is_number(name) ? "" : "/control");
}

static void list_runtime_of_user(void *to, const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s/moonport", folder, name);
    mp_system_list_folder(path, list_program, to);
}

static void list_temporary_of_user(void *to, const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (strncmp(path, others_folder, strlen(others_folder)) == 0)
        mp_system_list_folder(path, list_program, to);
}

void program_list_places(void (*found)(void *context, const char *path), void *context) {
    listing to = {found, context};
    char folder[128];
    if (mp_system_user() == 0) {
        mp_system_list_folder(roots_folder, list_in_roots_folder, &to);
        mp_system_list_folder("/run/user", list_runtime_of_user, &to);
        mp_system_list_folder("/tmp", list_temporary_of_user, &to);
        return;
    }
    for (int i = 0; *place_folder(i, folder, sizeof folder); i++)
        mp_system_list_folder(folder, list_program, &to);
}
