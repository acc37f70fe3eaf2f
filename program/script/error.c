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

/* The deepest level that is searched: finding a level takes time in proportion to its depth. */
#define LEVELS 64

/* True if the error came from `assert`. Its message, if the script gave one, is meant for people. */
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

/* Pushes the place "file:line: " with which the message begins; if it has none, that of the innermost Lua
   function, and returns false. */
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

/* coroutine -> text, length of the message in it. The message of assert(nil, message) or error(message, 0) is
   meant for people and suffices, with its place before it. All others get a traceback. */
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

/* Runs the function in the speaker, with the coroutine as its argument. Its results or an error stay on the
   speaker's stack. */
static bool speak(lua_State *speaker, lua_CFunction function, lua_State *co) {
    int count;
#if LUA_VERSION_RELEASE_NUM >= 50406
    (void)lua_closethread(speaker, NULL);
#else
    (void)lua_resetthread(speaker);
#endif
    lua_settop(speaker, 0);
    lua_pushcfunction(speaker, function);
    lua_pushlightuserdata(speaker, co);
    return lua_resume(speaker, NULL, 1, &count) == LUA_OK;
}

char *program_error_text(lua_State *speaker, lua_State *co, size_t *message) {
    /* If there is no memory for the text, that error is reported instead. */
    bool made = speak(speaker, error_text, co);
    const char *text = lua_tostring(speaker, made ? 1 : -1);
    char *copy = text ? strdup(text) : NULL;
    if (copy)
        *message = made ? (size_t)lua_tointeger(speaker, 2) : strlen(copy);
    lua_settop(speaker, 0);
    return copy;
}

/* coroutine -> its message */
static int make_message(lua_State *L) {
    lua_State *co = lua_touserdata(L, 1);
    binding_push_error(L, co, false);
    return 1;
}

void program_make_message(lua_State *speaker, lua_State *co) {
    if (lua_type(co, -1) == LUA_TSTRING)
        return;
    (void)speak(speaker, make_message, co);
    if (lua_type(speaker, -1) != LUA_TSTRING)
        lua_pushnil(speaker);
    lua_pop(co, 1);
    lua_xmove(speaker, co, 1);
    lua_settop(speaker, 0);
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
