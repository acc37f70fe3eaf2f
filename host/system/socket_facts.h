/*
 * What the system knows of a socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SOCKET_FACTS_H
#define MP_SOCKET_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since a byte came or went on a TCP connection; negative: nobody knows. */
double mp_system_socket_idle(int fd);

/* The process and the user at the other end of a Unix-domain connection, when it was made. False: it isn't
   one. */
bool mp_system_socket_owner(int fd, int *process, int *user);

/* A number that only this socket has, in whichever process a descriptor of it is; 0: nobody knows. */
uint64_t mp_system_socket_cookie(int fd);

#endif
