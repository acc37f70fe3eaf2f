/*
 * moonport ctl; see ctl.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl/ctl.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/line_reader.h"
#include "embedded.h"
#include "open.h"
#include "operate/place.h"
#include "system/process.h"
#include "system/terminal.h"

/* --- what its Lua asks of us ---------------------------------------------------------------------------- */

/* isTerminal(descriptor) -> boolean */
static int is_terminal(lua_State *L) {
    lua_pushboolean(L, mp_system_is_terminal((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* columns() -> integer | nil */
static int columns(lua_State *L) {
    int count = mp_system_terminal_columns(1);
    if (count <= 0)
        return 0;
    lua_pushinteger(L, count);
    return 1;
}

static void add_path(void *context, const char *path) {
    lua_State *L = context;
    lua_pushstring(L, path);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* sockets() -> list of paths */
static int sockets(lua_State *L) {
    lua_newtable(L);
    program_list_places(add_path, L);
    return 1;
}

/* name -> what the module gives */
static int require_module(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    program_push_module_named(L, program_ctl_modules, name);
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

/* --- running -------------------------------------------------------------------------------------------- */

typedef struct command_line {
    int count;
    char **words;
} command_line;

static void push_host(lua_State *L, const command_line *line) {
    static const luaL_Reg functions[] = {{"isTerminal", is_terminal},
                                         {"columns", columns},
                                         {"sockets", sockets},
                                         {"lineReader", program_line_reader},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushinteger(L, mp_system_user());
    lua_setfield(L, -2, "user");
    lua_pushliteral(L, MOONPORT_VERSION);
    lua_setfield(L, -2, "version");
    lua_newtable(L);
    for (int i = 0; i < line->count; i++) {
        lua_pushstring(L, line->words[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "arguments");
}

/* command line -> exit status */
static int run(lua_State *L) {
    const command_line *line = lua_touserdata(L, 1);
    luaL_openlibs(L);
    luaL_requiref(L, "moonport", luaopen_moonport, 0);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    push_host(L, line);
    lua_setfield(L, -2, "ctl.host");
    lua_pushcfunction(L, require_module);
    lua_setglobal(L, "require");
    lua_pushcfunction(L, require_module);
    lua_pushliteral(L, "ctl.main");
    lua_call(L, 1, 1);
    return 1;
}

int program_ctl(int count, char **words) {
    command_line line = {count, words};
    lua_State *L = luaL_newstate();
    int status = 1;
    if (!L) {
        fputs("moonport: out of memory\n", stderr);
        return 1;
    }
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &line);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "moonport: %s\n", lua_tostring(L, -1) ? lua_tostring(L, -1) : "ctl failed");
    lua_close(L);
    return fflush(stdout) == 0 ? status : 1;
}
