/*
 * Socket options under Qt's names.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_OPTION_H
#define MP_SOCKET_OPTION_H

/* They have numbers from 0 on. */
#define MP_SOCKET_OPTION_COUNT 12

/* The option of that name; -ENOENT: there is none. */
int mp_socket_option_find(const char *name);
const char *mp_socket_option_name(int option);

/* Whether the option may have that value as far as that doesn't depend on a descriptor: 0, -ENOPROTOOPT where the system hasn't got
   it, -EINVAL. */
int mp_socket_option_check(int option, int value);

/* 0, -EBADF without a descriptor (-1), what check gives, or another -errno. */
int mp_socket_option_set(int fd, int option, int value);
int mp_socket_option_get(int fd, int option, int *value);

#endif
