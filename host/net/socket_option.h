/*
 * Socket options under Qt's names.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_OPTION_H
#define MP_SOCKET_OPTION_H

#include <stdint.h>

#include "system/log.h"

/* They have numbers from 0 on. */
#define MP_SOCKET_OPTION_COUNT 12

/* The option of that name; -ENOENT: there is none. */
int mp_socket_option_find(const char *name);
const char *mp_socket_option_name(int option);

/* Whether the option may have that value as far as that doesn't depend on a descriptor: 0, -ENOPROTOOPT where
   the system hasn't got it, -EINVAL. */
int mp_socket_option_check(int option, int value);

/* 0, -EBADF without a descriptor (-1), what check gives, or another -errno. */
int mp_socket_option_set(int fd, int option, int value);
int mp_socket_option_get(int fd, int option, int *value);

/* Options that descriptors which are still to be made shall have; all zero: none. */
typedef struct mp_socket_options {
    uint32_t kept; /* a bit for each option that has a value */
    int values[MP_SOCKET_OPTION_COUNT];
} mp_socket_options;

void mp_socket_options_keep(mp_socket_options *kept, int option, int value);

/* What was kept, or -EBADF. */
int mp_socket_options_get(const mp_socket_options *kept, int option, int *value);

/* Sets them on a descriptor. One that the system refuses is told in the log, once, and kept no longer. */
void mp_socket_options_apply(mp_socket_options *kept, int fd, enum mp_log_level level);

#endif
