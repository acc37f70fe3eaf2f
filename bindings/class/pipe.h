/*
 * moonport.pipe and socket:sendFile: the host moves bytes, and the caller waits for the end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_PIPE_H
#define BINDING_PIPE_H

#include "object/state.h"

void binding_open_pipe(lua_State *L, binding_state *state);
void binding_open_file_sender(lua_State *L, binding_state *state);

/* pipe, for the module's table. */
extern const luaL_Reg binding_pipe_functions[];

/* sendFile, a method of sockets. */
extern const luaL_Reg binding_socket_files[];

#endif
