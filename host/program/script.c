/*
 * The script: finding and compiling it, its arguments, and where require looks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "program.h"

bool program_load_script(lua_State *L, const char *script) {
    struct stat status;
    bool standard_input = strcmp(script, "-") == 0;
    const char *trouble = NULL;
    if (!standard_input) {
        if (stat(script, &status) < 0)
            trouble = strerror(errno);
        else if (S_ISDIR(status.st_mode))
            trouble = "is a folder";
    }
    if (trouble) {
        fprintf(stderr, "moonport: %s: %s\n", script, trouble);
        return false;
    }
    if (luaL_loadfile(L, standard_input ? NULL : script) != LUA_OK) {
        program_complain(lua_tostring(L, -1));
        return false;
    }
    return true;
}

int program_check(lua_State *L, const program_options *options) {
    if (!program_load_script(L, options->script))
        return 1;
    lua_pop(L, 1);
    printf("%s: ok\n", options->script);
    return 0;
}

/* `arg` is as in lua: the script at 0, what stands before it at negative indices. */
int program_push_arguments(lua_State *L, const program_options *options) {
    int count = options->argument_count - options->script_index - 1;
    int first = options->script ? options->script_index : options->argument_count;
    lua_createtable(L, count > 0 ? count : 0, first + 1);
    for (int i = 0; i < options->argument_count; i++) {
        lua_pushstring(L, options->arguments[i]);
        lua_rawseti(L, -2, i - first);
    }
    lua_setglobal(L, "arg");
    if (count <= 0)
        return 0;
    luaL_checkstack(L, count, "too many arguments");
    for (int i = 1; i <= count; i++)
        lua_pushstring(L, options->arguments[options->script_index + i]);
    return count;
}

/* require finds modules beside the script first. */
void program_set_path(lua_State *L, const char *script) {
    const char *slash = strrchr(script, '/');
    lua_getglobal(L, "package");
    lua_pushlstring(L, slash ? script : ".", slash ? (size_t)(slash - script) : 1);
    if (slash == script) {
        lua_pop(L, 1);
        lua_pushliteral(L, "");
    }
    lua_getfield(L, -2, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", lua_tostring(L, -2), lua_tostring(L, -2),
                    lua_tostring(L, -1));
    lua_setfield(L, -4, "path");
    lua_pop(L, 3);
}
