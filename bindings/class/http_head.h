/*
 * moonport.http.head.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_HTTP_HEAD_H
#define BINDING_HTTP_HEAD_H

#include <lua.h>

/* The part of moonport.http that is in C. */
__attribute__((visibility("default"))) int luaopen_moonport_http_head(lua_State *L);

/* Adds `response` and `date` to the module on top; in http_answer.c. */
void binding_open_http_answer(lua_State *L);

/* Adds `open`; in http_folder.c. */
void binding_open_http_folder(lua_State *L);

#endif
