/*
 * The arguments that LocalServer and LocalSocket have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_LOCAL_NAME_H
#define BINDING_LOCAL_NAME_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "data/error.h"
#include "data/local_name.h"

/* QLocalServer::SocketOption. */
enum {
    BINDING_USER_ACCESS = 1,
    BINDING_GROUP_ACCESS = 2,
    BINDING_OTHER_ACCESS = 4,
    BINDING_WORLD_ACCESS = 7,
    BINDING_ABSTRACT = 8
};

/* The name at `index`: "unix:…"; or, if `abstract`, as it is; or a path; or, without a slash, that of a file
   in the temporary folder. Returns why it can't be used, or NONE. */
enum mp_fault binding_check_local_name(lua_State *L, int index, bool abstract, mp_local_name *name);

/* true | nil, message with the name at `index`, code */
int binding_result_of_name(lua_State *L, const char *what, int index, enum mp_fault fault);

/* Options by name, of which only those in `allowed` may be there. */
int binding_check_local_options(lua_State *L, int index, int allowed);
void binding_push_local_options(lua_State *L, int options);

/* The mode that options of access give. */
mode_t binding_local_mode(int options);

/* How many descriptors may wait. */
size_t binding_check_descriptor_count(lua_State *L, int index);

#endif
