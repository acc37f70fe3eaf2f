/*
 * The folder of the files that are installed with the program: types, scripts, man page. Its path is relative
 * to the program, so it is right wherever both were installed together.
 *
 * SPDX-License-Identifier: MIT
 */
#include "share.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"
#include "system/process.h"
#include "system/system.h"

int program_print_share(void) {
    char own[PATH_MAX], path[PATH_MAX + sizeof MOONPORT_SHARE + 16], *real = NULL;
    int result = mp_system_program(own, sizeof own);
    if (result < 0) {
        fprintf(stderr, "moonport: cannot find the path of this program: %s\n", strerror(-result));
        return 1;
    }
    *strrchr(own, '/') = '\0';
    snprintf(path, sizeof path, "%s/" MOONPORT_SHARE "/moonport", own);
    real = mp_system_real_path(path);
    if (!real) {
        fprintf(stderr, "moonport: not installed: %s: %s\n", path, strerror(errno));
        return 1;
    }
    *strrchr(real, '/') = '\0';
    puts(real);
    free(real);
    return 0;
}
