/*
 * moonport.test.process: starting, watching and ending another program, for moonport.test. Its pipes are
 * descriptors that a TcpSocket takes over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/process.h"

#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "object/state.h"
#include "system/system.h"

static int failed(lua_State *L, int error) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(-error));
    return 2;
}

/* More are no arguments, and no environment, that the system takes. */
#define MOST_STRINGS (1 << 20)

/* Pushes what `count` strings, those of the array on top, are for a system call: an array of pointers that
   ends with NULL. It replaces the array, and holds it. */
static char **push_pointers(lua_State *L, size_t count) {
    char **pointers = lua_newuserdatauv(L, (count + 1) * sizeof *pointers, 1);
    lua_insert(L, -2);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        pointers[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    pointers[count] = NULL;
    lua_setiuservalue(L, -2, 1);
    return pointers;
}

/* The list of strings at `index`, ended by NULL; left on the stack. */
static char **push_arguments(lua_State *L, int index) {
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count > 0, index, "no program");
    luaL_argcheck(L, count <= MOST_STRINGS, index, "too many strings");
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i) != LUA_TSTRING)
            luaL_argerror(L, index, "a list of strings expected");
        lua_rawseti(L, -2, (lua_Integer)i);
    }
    return push_pointers(L, count);
}

/* Pushes the changes at `index` with their values as text; false stays. This may run code of the script. */
static void push_changes(lua_State *L, int index) {
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            continue;
        lua_pushvalue(L, -2);
        if (lua_toboolean(L, -2))
            (void)luaL_tolstring(L, -2, NULL);
        else
            lua_pushboolean(L, false);
        lua_rawset(L, -5);
    }
}

/* Adds the text on top to the array at `index`, which has `count` of them. */
static void add(lua_State *L, int index, size_t *count) {
    if (*count == MOST_STRINGS)
        luaL_error(L, "too many strings");
    lua_rawseti(L, index, (lua_Integer)++ * count);
}

/* This process's environment with the changes at `index`: name -> text, or false for none. Left on the
   stack. */
static char **push_environment(lua_State *L, int index) {
    size_t count = 0;
    push_changes(L, index);
    int changes = lua_gettop(L), list = changes + 1;
    lua_newtable(L);
    for (char **variable = environ; *variable; variable++) {
        lua_pushlstring(L, *variable, strcspn(*variable, "="));
        bool replaced = lua_rawget(L, changes) != LUA_TNIL;
        lua_pop(L, 1);
        if (replaced)
            continue;
        lua_pushstring(L, *variable);
        add(L, list, &count);
    }
    for (lua_pushnil(L); lua_next(L, changes); lua_pop(L, 1)) {
        if (!lua_toboolean(L, -1))
            continue;
        lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        add(L, list, &count);
    }
    lua_remove(L, changes);
    return push_pointers(L, count);
}

/* spawn({ program, argument, … }, { NAME = text or false, … }) -> pid, and descriptors: input, output, errors
   | nil, message */
static int process_spawn(lua_State *L) {
    pid_t pid;
    int fds[3];
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    char **arguments = push_arguments(L, 1);
    char **environment = push_environment(L, 2);
    int error = mp_system_spawn(arguments, environment, &pid, fds);
    if (error < 0)
        return failed(L, error);
    lua_pushinteger(L, pid);
    for (int i = 0; i < 3; i++)
        lua_pushinteger(L, fds[i]);
    return 4;
}

static pid_t check_pid(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 1 && pid <= INT_MAX, 1, "no child's pid");
    return (pid_t)pid;
}

/* reap(pid) -> nothing while it runs, else "exited", status or "signalled", number | nil, message */
static int process_reap(lua_State *L) {
    int status;
    bool signalled;
    int result = mp_system_reap(check_pid(L), &status, &signalled);
    if (result < 0)
        return failed(L, result);
    if (result == 0)
        return 0;
    lua_pushstring(L, signalled ? "signalled" : "exited");
    lua_pushinteger(L, status);
    return 2;
}

/* kill(pid, "TERM") -> true | nil, message */
static int process_kill(lua_State *L) {
    static const char *const names[] = {"TERM", "HUP",  "INT",  "KILL", "STOP",
                                        "CONT", "USR1", "USR2", "QUIT", NULL};
    static const int numbers[] = {SIGTERM, SIGHUP,  SIGINT,  SIGKILL, SIGSTOP,
                                  SIGCONT, SIGUSR1, SIGUSR2, SIGQUIT};
    int error = mp_system_kill(check_pid(L), numbers[luaL_checkoption(L, 2, "TERM", names)]);
    if (error < 0)
        return failed(L, error);
    lua_pushboolean(L, 1);
    return 1;
}

/* program() -> path of the running moonport; nothing in a plain Lua */
static int process_program(lua_State *L) {
    char path[PATH_MAX];
    binding_state *state = binding_find(L);
    if (!state || !state->host || mp_system_program(path, sizeof path) < 0)
        return 0;
    lua_pushstring(L, path);
    return 1;
}

int luaopen_moonport_test_process(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"spawn", process_spawn},     {"reap", process_reap}, {"kill", process_kill},
        {"program", process_program}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
