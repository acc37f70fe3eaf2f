/*
 * moonport.store.sync(path) -> true | nil, message: waits until the disk has the file, or the names of the
 * folder. The loop would wait, too: moonport.work calls it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "class/keyspace.h"
#include "system/file.h"

static int sync_file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int result = mp_system_sync_file(path);
    if (result == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(-result));
    return 2;
}

int luaopen_moonport_store_sync(lua_State *L) {
    lua_pushcfunction(L, sync_file);
    return 1;
}
