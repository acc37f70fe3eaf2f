/*
 * The error of a main chunk; see error.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/error.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/globals.h"
#include "signal/report.h"

/* So deep a place is looked for: finding a level takes as long as it is deep. */
#define LEVELS 64

/* Does `assert` stand where the error came from? Its message, if the script gave one, was meant for
   people. */
static bool asserted(lua_State *L, lua_State *co, const char *message) {
    lua_Debug where;
    if (!lua_getstack(co, 0, &where) || strstr(message, "assertion failed!"))
        return false;
    lua_getinfo(co, "f", &where);
    lua_xmove(co, L, 1);
    program_push_standard_global(L, "assert");
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* Pushes the place "file:line: " that stands in front of the message; or, if there is none, that of the
   innermost Lua function, and returns false. */
static bool push_place(lua_State *L, lua_State *co, const char *message) {
    lua_Debug where;
    lua_pushliteral(L, "");
    int top = lua_gettop(L);
    for (int level = 0; level < LEVELS && lua_getstack(co, level, &where); level++) {
        lua_getinfo(co, "Sl", &where);
        if (where.currentline <= 0)
            continue;
        const char *place = lua_pushfstring(L, "%s:%d: ", where.short_src, where.currentline);
        if (strncmp(message, place, strlen(place)) == 0)
            return true;
        if (lua_rawlen(L, top) == 0)
            lua_replace(L, top);
        lua_settop(L, top);
    }
    return false;
}

/* Takes the traceback's last line away: the function below the main chunk is ours. */
static void cut_bottom(lua_State *L) {
    static const char bottom[] = "\n\t[C]: in ?";
    size_t length, end = sizeof bottom - 1;
    const char *text = lua_tolstring(L, -1, &length);
    if (length > end && strcmp(text + length - end, bottom) == 0) {
        lua_pushlstring(L, text, length - end);
        lua_remove(L, -2);
    }
}

/* coroutine -> text, length of the message in it. The message of assert(nil, message) or error(message, 0)
   was meant for people and says all, with its place in front. Anything else gets its traceback. */
static int error_text(lua_State *L) {
    lua_State *co = lua_touserdata(L, 1);
    const char *message = lua_tostring(co, -1);
    bool placed = !message || push_place(L, co, message);
    if (!message || (placed && !asserted(L, co, message))) {
        binding_push_error(L, co, false);
        lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
        luaL_traceback(L, co, lua_tostring(L, -2), 0);
        cut_bottom(L);
        lua_insert(L, -2);
    } else {
        if (placed)
            lua_pushliteral(L, "");
        lua_pushstring(L, message);
        lua_concat(L, 2);
        lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    }
    return 2;
}

char *program_error_text(lua_State *L, lua_State *co, size_t *message) {
    int top = lua_gettop(L);
    lua_pushcfunction(L, error_text);
    lua_pushlightuserdata(L, co);
    /* An error while the message is made (a __tostring that throws) is told in its place. */
    bool made = lua_pcall(L, 1, 2, 0) == LUA_OK;
    const char *text = lua_tostring(L, top + 1);
    char *copy = text ? strdup(text) : NULL;
    if (copy)
        *message = made ? (size_t)lua_tointeger(L, -1) : strlen(copy);
    lua_settop(L, top);
    return copy;
}

char *program_place_text(lua_State *co, const char *why) {
    char text[LUA_IDSIZE + 160] = "";
    lua_Debug where = {0};
    for (int level = 0; level < LEVELS && lua_getstack(co, level, &where); level++) {
        lua_getinfo(co, "Sl", &where);
        if (where.currentline > 0)
            break;
    }
    if (where.currentline > 0)
        snprintf(text, sizeof text, "%s:%d: ", where.short_src, where.currentline);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", why);
    return strdup(text);
}
