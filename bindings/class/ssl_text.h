/*
 * What the values of TLS share: giving text to Lua, and what they are read from.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_SSL_TEXT_H
#define BINDING_SSL_TEXT_H

#include <lua.h>

#include "tls/key.h"

/* Calls a function with memory that is no part of Lua's, as a light userdata, and frees it whether or not
   that raises. -> `results` */
int binding_give(lua_State *L, lua_CFunction push, void *memory, void (*release)(void *), int results);

/* A new text; raises on lack of memory. */
mp_text *binding_new_text(lua_State *L);

/* Makes a text that has been written, with this result, into a string, and frees it; raises on lack of
   memory. */
int binding_give_text(lua_State *L, mp_text *text, int result);

/* The same for items, which `push` makes into a value. */
int binding_give_items(lua_State *L, mp_text *items, int result, lua_CFunction push);

/* A list of strings, for binding_give_items. */
int binding_push_strings(lua_State *L);

/* A string that has something, or names a file that does; which of both it is is seen from it. */
mp_tls_source binding_check_source(lua_State *L, int index);

/* A string, or nil; raises if it is too long. */
mp_passphrase binding_check_passphrase(lua_State *L, int index);

/* nil, "what: 'path': why", code */
int binding_fail_to_read(lua_State *L, const char *what, mp_tls_source source, const char *why);

#endif
