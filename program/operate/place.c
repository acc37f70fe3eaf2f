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

static const char roots_folder[] = "/run/moonport"; /* where units have folders of other users */
static const char too_long[] = "its path is too long for a Unix-domain socket";

const char *program_place_folder(int number, char *path, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool has_runtime = runtime && *runtime == '/';
    unsigned user = mp_system_user();
    path[0] = '\0';
    if (number == 0 && user == 0)
        snprintf(path, size, "%s", roots_folder);
    else if (number == 0 && has_runtime)
        snprintf(path, size, "%s/moonport", runtime);
    else if (number == (user == 0 || has_runtime))
        snprintf(path, size, "/tmp/moonport-%u", user);
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
    for (int i = 0; result < 0 && *program_place_folder(i, folder, sizeof folder); i++) {
        result = mp_system_make_own_folder(folder, strcmp(folder, roots_folder) != 0);
        snprintf(path, sizeof path, "%s/%d", folder, mp_system_process_number());
        if (result < 0)
            snprintf(why, size, "%s: %s", folder,
                     result == -EPERM ? "belongs to somebody else, or others may look into it"
                                      : strerror(-result));
    }
    return result < 0 ? why : take(path, name);
}
