/*
 * Terminals; see terminal.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

bool mp_system_is_terminal(int fd) {
    return isatty(fd) == 1;
}

int mp_system_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) < 0 ? 0 : size.ws_col;
}
