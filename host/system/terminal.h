/*
 * Terminals.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TERMINAL_H
#define MP_TERMINAL_H

#include <stdbool.h>

bool mp_system_is_terminal(int fd);

/* The width of a terminal; 0 if it is none, or if nobody knows. */
int mp_system_terminal_columns(int fd);

#endif
