/*
 * The module table `moonport`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_MODULE_H
#define BINDING_MODULE_H

#include "object/binding.h"

/* Pushes a table of the module's functions for the generation whose handle is at index `generation`; if nil is there, for
   that which each call comes from. */
void binding_push_module(lua_State *L, binding_state *state, int generation);

/* Pushes moonport.HostAddress: a table that makes addresses when it is called, and has what Qt's class has beside. */
void binding_push_host_address_class(lua_State *L, binding_state *state);

/* connect and disconnect, in dispatch.c. */
extern const luaL_Reg binding_connection_functions[];

/* sleep, in wait.c, and spawn, in spawn.c. */
extern const luaL_Reg binding_wait_functions[], binding_task_functions[];

/* The constructors; upvalue: the state. */
int binding_new_tcp_server(lua_State *L);
int binding_new_tcp_socket(lua_State *L);
int binding_new_timer(lua_State *L);
int binding_single_shot(lua_State *L);

/* Takes back what a staged generation has added to persist. */
void binding_forget_persisted(binding_generation *generation);

/* lua_CFunction for `require "moonport"`. */
__attribute__((visibility("default"))) int luaopen_moonport(lua_State *L);

#endif
