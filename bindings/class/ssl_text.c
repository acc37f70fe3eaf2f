/*
 * What the values of TLS share; see ssl_text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/ssl_text.h"

#include <lauxlib.h>

#include "data/error.h"
#include "object/suggestion.h"

int binding_give(lua_State *L, lua_CFunction push, void *memory, void (*release)(void *), int results) {
    lua_pushcfunction(L, push);
    lua_pushlightuserdata(L, memory);
    int status = lua_pcall(L, 1, results, 0);
    release(memory);
    return status == LUA_OK ? results : lua_error(L);
}

static void release_text(void *text) {
    mp_text_free(text);
}

mp_text *binding_new_text(lua_State *L) {
    mp_text *text = mp_text_new();
    if (!text)
        luaL_error(L, "out of memory");
    return text;
}

/* text -> string. A protected call. */
static int push_text(lua_State *L) {
    size_t length;
    const char *bytes = mp_text_bytes(lua_touserdata(L, 1), &length);
    lua_pushlstring(L, bytes, length);
    return 1;
}

int binding_give_text(lua_State *L, mp_text *text, int result) {
    return binding_give_items(L, text, result, push_text);
}

int binding_give_items(lua_State *L, mp_text *items, int result, lua_CFunction push) {
    if (result < 0) {
        mp_text_free(items);
        return luaL_error(L, "out of memory");
    }
    return binding_give(L, push, items, release_text, 1);
}

int binding_push_strings(lua_State *L) {
    size_t position = 0;
    mp_text_item item;
    lua_newtable(L);
    for (lua_Integer i = 1; mp_text_next(lua_touserdata(L, 1), &position, &item); i++) {
        lua_pushlstring(L, item.bytes, item.length);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

mp_tls_source binding_check_source(lua_State *L, int index) {
    size_t length;
    luaL_checktype(L, index, LUA_TSTRING);
    const char *text = lua_tolstring(L, index, &length);
    return mp_tls_source_of(text, length);
}

mp_passphrase binding_check_passphrase(lua_State *L, int index) {
    mp_passphrase passphrase = {NULL, 0};
    if (lua_isnoneornil(L, index))
        return passphrase;
    luaL_checktype(L, index, LUA_TSTRING);
    passphrase.bytes = lua_tolstring(L, index, &passphrase.length);
    luaL_argcheck(L, passphrase.length <= MP_LONGEST_PASSPHRASE, index,
                  "a passphrase has at most 1023 bytes");
    return passphrase;
}

int binding_fail_to_read(lua_State *L, const char *what, mp_tls_source source, const char *why) {
    lua_pushnil(L);
    if (source.is_path)
        lua_pushfstring(L, "%s: '%s': %s", what, binding_shown(L, source.text), why);
    else
        lua_pushfstring(L, "%s: %s", what, why);
    if (source.is_path)
        lua_remove(L, -2); /* what is shown */
    lua_pushstring(L, mp_fault_code(MP_FAULT_SSL_USER_DATA));
    return 3;
}
