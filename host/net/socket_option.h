/*
 * Socket options under Qt's names.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_OPTION_H
#define MP_SOCKET_OPTION_H

#include <stdint.h>

#include "system/log.h"

/* Options are numbers from 0. */
#define MP_SOCKET_OPTION_COUNT 12

/* The option with this name; -ENOENT: there is none. */
int mp_socket_option_find(const char *name);
const char *mp_socket_option_name(int option);

/* Checks an option and its value without a descriptor. Returns 0, -ENOPROTOOPT if the system lacks the
   option, or -EINVAL. */
int mp_socket_option_check(int option, int value);

/* Returns 0, -EBADF without a descriptor (-1), an error of mp_socket_option_check, or another -errno. */
int mp_socket_option_set(int fd, int option, int value);
int mp_socket_option_get(int fd, int option, int *value);

/* Options for descriptors that don't exist yet; all zero: none. */
typedef struct mp_socket_options {
    uint32_t kept; /* one bit for each option that has a value */
    int values[MP_SOCKET_OPTION_COUNT];
} mp_socket_options;

void mp_socket_options_keep(mp_socket_options *kept, int option, int value);

/* The value to be set, or -EBADF. */
int mp_socket_options_get(const mp_socket_options *kept, int option, int *value);

/* Sets the options on a descriptor. If the system refuses one, it is logged once and removed from `kept`. */
void mp_socket_options_apply(mp_socket_options *kept, int fd, enum mp_log_level level);

#endif
