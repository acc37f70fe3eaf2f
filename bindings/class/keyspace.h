/*
 * moonport.store.keyspace.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_KEYSPACE_H
#define BINDING_KEYSPACE_H

#include <lauxlib.h>
#include <stdbool.h>

#include "data/keyspace.h"

/* The part of moonport.store that is in C. */
__attribute__((visibility("default"))) int luaopen_moonport_store_keyspace(lua_State *L);

/* moonport.store.sync: a function that waits for the disk, which functions of moonport.work may have. */
__attribute__((visibility("default"))) int luaopen_moonport_store_sync(lua_State *L);

/* Upvalue 1 of each method is the metatable. */
mp_keyspace *binding_check_keyspace(lua_State *L);

/* The entry of the key at the index, or NULL; one that has expired is removed. */
mp_entry *binding_find_key(lua_State *L, mp_keyspace *space, int index);

/* The names of enum mp_entry_kind, with NULL behind them. */
extern const char *const binding_entry_kinds[];

/* The hash or set of (space, kind, key), NULL: there is none. False: the key is of another kind, and false is
   pushed. */
bool binding_find_container(lua_State *L, mp_keyspace *space, mp_entry **entry);

/* The methods for strings, for keys of any kind, and for saves, in keyspace.c. */
extern const luaL_Reg binding_keyspace_methods[];

/* The methods for hashes and sets, in keyspace_members.c. */
extern const luaL_Reg binding_keyspace_members[];

/* The methods that look at many keys or members, in keyspace_scan.c. */
extern const luaL_Reg binding_keyspace_scan[];

#endif
