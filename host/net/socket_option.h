/*
 * Socket options under Qt's names.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_OPTION_H
#define MP_SOCKET_OPTION_H

#include "net/stream_state.h"

/* The option of that name; -ENOENT: there is none. */
int mp_socket_option_find(const char *name);
const char *mp_socket_option_name(int option);

/* 0, -EBADF without a descriptor, -ENOPROTOOPT where the system hasn't got it, or another -errno. */
int mp_stream_set_option(mp_stream *stream, int option, int value);
int mp_stream_option(const mp_stream *stream, int option, int *value);

#endif
