/*
 * The script: finding and compiling it, its arguments, and where require looks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
        fprintf(stderr, "moonport: cannot open %s: %s\n", script, trouble);
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

/* Puts the folder of `script` in front of package.path, which is at `index`; by way of replacing it. */
static void search_beside(lua_State *L, int index, const char *script) {
    const char *slash = strrchr(script, '/');
    const char *folder = lua_pushlstring(L, slash ? script : ".", slash ? (size_t)(slash - script) : 1);
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, lua_tostring(L, index));
    lua_replace(L, index);
    lua_pop(L, 1);
}

/* require finds modules beside the script first; beside a link, and then where it leads to. */
void program_set_path(lua_State *L, const char *script) {
    struct stat status;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    int path = lua_gettop(L);
    char *target = lstat(script, &status) == 0 && S_ISLNK(status.st_mode) ? realpath(script, NULL) : NULL;
    if (target)
        search_beside(L, path, target);
    free(target);
    search_beside(L, path, script);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}
