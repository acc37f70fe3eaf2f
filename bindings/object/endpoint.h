/*
 * Names of Unix-domain sockets as scripts write them, and where a server listens.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_ENDPOINT_H
#define BINDING_ENDPOINT_H

#include <lua.h>
#include <stdbool.h>

#include "data/error.h"
#include "data/local_name.h"
#include "net/tcp_server.h"

/* True if the argument is a text that begins with "unix:". Then a port at index `port` raises. *fault: why
   the name can't be used, or NONE. */
bool binding_test_local(lua_State *L, int index, int port, mp_local_name *name, enum mp_fault *fault);

/* The fault for the result of a function of local_name.h. */
enum mp_fault binding_name_fault(int result);

/* Pushes "unix:/path" or "unix:@name". */
void binding_push_local(lua_State *L, const mp_local_name *name);

/* "127.0.0.1:7000" or "unix:/path": where the server listens, into `text`; returns it. */
#define BINDING_PLACE 128
const char *binding_place(char *text, const mp_tcp_server *server);

#endif
