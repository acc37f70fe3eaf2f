/*
 * moonport.test.process: starting, watching and ending another program, for moonport.test. Its pipes are descriptors that a
 * TcpSocket takes over.
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

/* The list of strings at `index`, ended by NULL; left on the stack, and valid as long as the list is. */
static char **push_arguments(lua_State *L, int index) {
    lua_Integer count = luaL_len(L, index);
    luaL_argcheck(L, count > 0, index, "no program");
    char **arguments = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *arguments, 0);
    for (lua_Integer i = 1; i <= count; i++) {
        luaL_argcheck(L, lua_geti(L, index, i) == LUA_TSTRING, index, "a list of strings expected");
        arguments[i - 1] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    arguments[count] = NULL;
    return arguments;
}

/* Is the variable, "NAME=…", a key of the table at `index`? */
static bool is_replaced(lua_State *L, int index, const char *variable) {
    lua_pushlstring(L, variable, strcspn(variable, "="));
    bool replaced = lua_rawget(L, index) != LUA_TNIL;
    lua_pop(L, 1);
    return replaced;
}

/* This process's environment with the changes at `index`: name -> text, or false for none. Left on the stack with what it
   needs. */
static char **push_environment(lua_State *L, int index) {
    size_t count = 0, size = 1;
    for (char **variable = environ; *variable; variable++)
        size++;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        size++;
    char **environment = lua_newuserdatauv(L, size * sizeof *environment, 1);
    for (char **variable = environ; *variable; variable++) {
        if (!is_replaced(L, index, *variable))
            environment[count++] = *variable;
    }
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_toboolean(L, -1))
            continue;
        const char *text = luaL_tolstring(L, -1, NULL);
        environment[count] = (char *)(uintptr_t)lua_pushfstring(L, "%s=%s", lua_tostring(L, -3), text);
        lua_rawsetp(L, -5, environment[count++]);
        lua_pop(L, 1);
    }
    lua_setiuservalue(L, -2, 1);
    environment[count] = NULL;
    return environment;
}

/* spawn({ program, argument, … }, { NAME = text or false, … }) -> pid, and descriptors: input, output, errors | nil, message */
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
