/*
 * The environment of a console; see console_environment.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/console_environment.h"

#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "run.h"
#include "run/wait.h"
#include "script/environment.h"

#define MOST (1 << 20) /* bytes of output that wait for the visitor */
#define LOOK 10.0      /* milliseconds between two looks whether it has read them */
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* Pushes the globals of the code that serves. */
static void push_globals(lua_State *L) {
    const program *self = binding_find(L)->program;
    int environment = self->reload.environment != LUA_NOREF ? self->reload.environment
                                                            : self->reload.first.environment;
    if (environment != LUA_NOREF && lua_rawgeti(L, LUA_REGISTRYINDEX, environment) == LUA_TTABLE) {
        lua_getfield(L, -1, PROGRAM_GLOBALS);
        lua_remove(L, -2);
    } else {
        lua_pushglobaltable(L);
    }
}

/* A global or, if there is none, the module of this name that the code has loaded. */
static int get_global(lua_State *L) {
    push_globals(L);
    lua_pushvalue(L, 2);
    if (lua_gettable(L, -2) != LUA_TNIL || lua_type(L, 2) != LUA_TSTRING ||
        lua_getfield(L, 3, LUA_LOADLIBNAME) != LUA_TTABLE || lua_getfield(L, -1, "loaded") != LUA_TTABLE)
        return lua_settop(L, 4), 1;
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    return 1;
}

static int set_global(lua_State *L) {
    push_globals(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, -3);
    return 0;
}

/* Waits until the visitor has read enough. */
static int print_rest(lua_State *L, int status, lua_KContext context) {
    const program_entry *entry = *(program_entry **)lua_touserdata(L, lua_upvalueindex(2));
    const binding_wait_request request = {.msec = LOOK};
    (void)status, (void)context;
    if (!entry || entry->visitor->out.size < MOST)
        return 0;
    if (!binding_can_wait(L))
        return luaL_error(L, "the console doesn't read so much");
    return binding_suspend(L, &request, print_rest, 0);
}

/* print(...). Upvalues: the state, a holder of the entry, which is NULL once the visitor has left */
static int print(lua_State *L) {
    program_entry *entry = *(program_entry **)lua_touserdata(L, lua_upvalueindex(2));
    int count = lua_gettop(L);
    luaL_Buffer text;
    size_t size;
    if (!entry || !entry->task || binding_running_task(entry->visitor->state) != entry->task)
        return luaL_error(L, "print: the console's entry is over");
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        luaL_addstring(&text, i > 1 ? "\t" : "");
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    const char *line = lua_tolstring(L, -1, &size);
    program_json *out = &entry->visitor->out;
    program_json_open(out, NULL);
    program_json_bytes(out, "print", line, size);
    program_json_end(out);
    program_send_soon(entry->visitor);
    return print_rest(L, LUA_OK, 0);
}

int program_make_console_environment(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, get_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, set_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_pushliteral(L, "print");
    lua_pushlightuserdata(L, binding_find(L));
    program_entry *entry = lua_touserdata(L, 1), **holder = lua_newuserdatauv(L, sizeof entry, 0);
    *holder = entry;
    entry->holder = holder;
    lua_pushcclosure(L, print, 2);
    lua_rawset(L, -3);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

/* --- completion ----------------------------------------------------------------------------------------- */

#define MOST_NAMES 200
#define MOST_TABLES 8 /* behind each other */

/* Replaces the value on top by the field of a table, as rawget gives it; nil for other values. */
static void raw_field(lua_State *L, const char *name, size_t size) {
    if (lua_istable(L, -1)) {
        lua_pushlstring(L, name, size);
        lua_rawget(L, -2);
    } else {
        lua_pushnil(L);
    }
    lua_remove(L, -2);
}

/* Replaces the value on top by what is looked at where it has no field: what its metatable says, or behind
   the entries' environment the globals. False, and it stays: nothing, or code that would have to run. */
static bool go_behind(lua_State *L) {
    if (luaL_getmetafield(L, -1, "__index") == LUA_TNIL)
        return false;
    if (lua_tocfunction(L, -1) == get_global) {
        push_globals(L);
        lua_replace(L, -2);
    } else if (lua_iscfunction(L, -1) &&
               lua_getupvalue(L, -1, 2)) { /* of an object: its methods, see class.h */
        lua_replace(L, -2);
    }
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_replace(L, -2);
    return true;
}

/* Replaces the value on top by its field, or by nil. No code runs. */
static void step_into(lua_State *L, const char *name, size_t size) {
    for (int i = 0; i < MOST_TABLES; i++) {
        lua_pushvalue(L, -1);
        raw_field(L, name, size);
        if (!lua_isnil(L, -1)) {
            lua_replace(L, -2);
            return;
        }
        lua_pop(L, 1);
        if (!go_behind(L))
            break;
    }
    /* Behind the globals are the modules. */
    raw_field(L, LUA_LOADLIBNAME, strlen(LUA_LOADLIBNAME));
    raw_field(L, "loaded", strlen("loaded"));
    raw_field(L, name, size);
}

static void add_name(program_json *out, const char *path, size_t length, const char *name) {
    char text[256];
    snprintf(text, sizeof text, "%.*s%s", (int)length, path, name);
    program_json_open(out, NULL);
    program_json_string(out, "name", text);
    program_json_end(out);
}

/* The names in the table on top, and in those behind it, that begin with `start`. */
static void add_names(program_json *out, lua_State *L, const char *path, size_t length, const char *start) {
    int value = lua_gettop(L), count = 0;
    for (int i = 0; i < MOST_TABLES; i++) {
        if (lua_istable(L, value))
            for (lua_pushnil(L); count < MOST_NAMES && lua_next(L, value); lua_pop(L, 1)) {
                const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
                if (!name || strncmp(name, start, strlen(start)) != 0 ||
                    name[strspn(name, NAME_BYTES)] != '\0')
                    continue;
                add_name(out, path, length, name);
                count++;
            }
        lua_settop(L, value);
        if (!go_behind(L))
            return;
    }
}

/* entry -> ; the visitor's text is a path, of which the last name is completed */
static int complete(lua_State *L) {
    const program_entry *entry = lua_touserdata(L, 1);
    program_visitor *visitor = entry->visitor;
    lua_pushlstring(L, visitor->text, visitor->text_size);
    const char *path = lua_tostring(L, -1), *at = path;
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, entry->environment);
    for (size_t size; size = strspn(at, NAME_BYTES), at[size] == '.' || at[size] == ':'; at += size + 1)
        step_into(L, at, size);
    add_names(&visitor->out, L, path, (size_t)(at - path), at);
    return 0;
}

void program_complete(program_visitor *visitor, program_entry *entry) {
    lua_State *L = visitor->state->L;
    lua_pushcfunction(L, complete);
    lua_pushlightuserdata(L, entry);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    program_end_answer(visitor, NULL);
}
