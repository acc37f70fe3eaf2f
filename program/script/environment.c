/*
 * What one run of the script lives in: globals of its own, modules of the script's folder of its own, and the installed
 * ones shared. The files that it was made from are kept with it, so that it can be watched and run again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "library.h"
#include "program.h"

static int close_file(lua_State *L) {
    fclose(((luaL_Stream *)luaL_checkudata(L, 1, LUA_FILEHANDLE))->f);
    return 0;
}

bool program_push_file(lua_State *L, const char *path) {
    struct stat status;
    luaL_Buffer buffer;
    /* A file of the io library's kind: the collector closes it if something raises meanwhile. */
    luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    int top = lua_gettop(L);
    stream->closef = NULL; /* a closed one */
    luaL_setmetatable(L, LUA_FILEHANDLE);
    stream->f = fopen(path, "rb");
    stream->closef = stream->f ? close_file : NULL;
    bool failed = !stream->f || fstat(fileno(stream->f), &status) < 0 || S_ISDIR(status.st_mode);
    if (failed)
        lua_pushfstring(L, "cannot open %s: %s", path, stream->f ? "is a folder" : strerror(errno));
    if (!failed) {
        luaL_buffinit(L, &buffer);
        for (size_t n = 1; n > 0; luaL_addsize(&buffer, n)) {
            char *block = luaL_prepbuffer(&buffer);
            n = fread(block, 1, LUAL_BUFFERSIZE, stream->f);
        }
        luaL_pushresult(&buffer);
        failed = ferror(stream->f) != 0;
        if (failed)
            lua_pushfstring(L, "%s: %s", path, strerror(EIO));
    }
    if (stream->f) {
        stream->closef = NULL;
        fclose(stream->f);
    }
    lua_replace(L, top);
    lua_settop(L, top);
    return !failed;
}

bool program_compile(lua_State *L, const char *path, int environment) {
    environment = lua_absindex(L, environment);
    if (strcmp(path, "-") == 0) {
        if (luaL_loadfile(L, NULL) != LUA_OK)
            return false;
        lua_getfield(L, environment, PROGRAM_GLOBALS);
        lua_setupvalue(L, -2, 1);
        return true;
    }
    lua_getfield(L, environment, PROGRAM_SOURCES);
    int sources = lua_gettop(L);
    if (lua_getfield(L, sources, path) != LUA_TSTRING) {
        lua_pop(L, 1);
        if (!program_push_file(L, path)) {
            lua_remove(L, sources);
            return false;
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, sources, path);
    }
    size_t length;
    const char *text = lua_tolstring(L, -1, &length), *start = text;
    /* As luaL_loadfile, which the bytes don't come by: no byte-order mark, no first line that begins with "#". */
    if (strncmp(start, "\xEF\xBB\xBF", 3) == 0)
        start += 3;
    if (*start == '#') {
        start = memchr(start, '\n', length - (size_t)(start - text));
        start = start ? start : text + length;
    }
    lua_pushfstring(L, "@%s", path);
    int status = luaL_loadbuffer(L, start, length - (size_t)(start - text), lua_tostring(L, -1));
    lua_replace(L, sources);
    lua_settop(L, sources);
    if (status != LUA_OK)
        return false;
    lua_getfield(L, environment, PROGRAM_GLOBALS);
    lua_setupvalue(L, sources, 1);
    return true;
}

/* --- functions of the run's own -------------------------------------------------------------------------------------- */

/* Upvalues: the original, the globals, the number of arguments before the environment. */
static int load_with_globals(lua_State *L) {
    int before = (int)lua_tointeger(L, lua_upvalueindex(3));
    if (lua_gettop(L) <= before) {
        lua_settop(L, before);
        lua_pushvalue(L, lua_upvalueindex(2));
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int all_results(lua_State *L, int status, lua_KContext context) {
    (void)status;
    return lua_gettop(L) - (int)context;
}

/* Upvalue: the globals. */
static int do_file(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (luaL_loadfile(L, path) != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setupvalue(L, 2, 1);
    lua_callk(L, 0, LUA_MULTRET, 1, all_results);
    return all_results(L, LUA_OK, 1);
}

/* Is the file below the script's folder? */
static bool is_own(const char *folder, const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return folder && strncmp(path, folder, length) == 0 && path[length] == '/';
}

bool program_push_module_path(lua_State *L, int environment) {
    int name = lua_gettop(L);
    /* package.searchpath(name, package.path), with the run's own package table */
    lua_getfield(L, environment, PROGRAM_PACKAGE);
    lua_getfield(L, -1, "searchpath");
    lua_pushvalue(L, name);
    lua_getfield(L, -3, "path");
    lua_call(L, 2, 1);
    lua_replace(L, name);
    lua_settop(L, name);
    lua_getfield(L, environment, PROGRAM_FOLDER);
    lua_getfield(L, environment, PROGRAM_TARGET_FOLDER);
    bool own = lua_type(L, name) == LUA_TSTRING && (is_own(lua_tostring(L, -2), lua_tostring(L, name)) ||
                                                    is_own(lua_tostring(L, -1), lua_tostring(L, name)));
    lua_settop(L, own ? name : name - 1);
    if (!own)
        lua_pushnil(L);
    return own;
}

/* Stack: name, path, environment, loaded. The module's chunk has run. */
static int module_loaded(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 5);
    if (lua_isnil(L, 5)) {
        lua_pushvalue(L, 1);
        if (lua_rawget(L, 4) == LUA_TNIL)
            lua_pushboolean(L, 1);
        lua_replace(L, 5);
        lua_settop(L, 5);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 5);
    lua_rawset(L, 4);
    lua_pushvalue(L, 5);
    lua_pushvalue(L, 2);
    return 2;
}

/* Stack: name, path, environment, loaded, the module's chunk. */
static int run_module(lua_State *L) {
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_callk(L, 2, 1, 0, module_loaded);
    return module_loaded(L, LUA_OK, 0);
}

/* Pushes a path of the run's package table without what search_beside has put there: what is below the script's folder
   is the run's own, also when an installed module asks for something of that name. */
static void push_shared_path(lua_State *L, int package, const char *name) {
    static const char *const folders[] = {PROGRAM_FOLDER, PROGRAM_TARGET_FOLDER};
    lua_getfield(L, package, name);
    for (int i = 0; i < 2 && lua_type(L, -1) == LUA_TSTRING; i++) {
        lua_getfield(L, lua_upvalueindex(1), folders[i]);
        const char *folder = lua_tostring(L, -1);
        if (folder) {
            const char *beside = lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", folder, folder);
            luaL_gsub(L, lua_tostring(L, -3), beside, "");
            lua_replace(L, -4);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

/* The installed ones, by Lua's own require. It looks where the state's package table says; for this time that is where
   the script's own says. Upvalues of run_require. */
static int require_shared(lua_State *L) {
    static const char *const names[] = {"path", "cpath"};
    lua_settop(L, 4);
    lua_getglobal(L, "package");
    lua_getfield(L, lua_upvalueindex(1), PROGRAM_PACKAGE);
    for (int i = 0; i < 2; i++)
        lua_getfield(L, 5, names[i]);
    for (int i = 0; i < 2; i++)
        push_shared_path(L, 6, names[i]);
    lua_setfield(L, 5, names[1]);
    lua_setfield(L, 5, names[0]);
    lua_getfield(L, lua_upvalueindex(1), PROGRAM_REQUIRE);
    lua_pushvalue(L, 1);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    for (int i = 0; i < 2; i++) {
        lua_pushvalue(L, 7 + i);
        lua_setfield(L, 5, names[i]);
    }
    return status == LUA_OK ? lua_gettop(L) - 8 : lua_error(L);
}

/* Pushes what the run itself has put into package.preload for the name, or something else and false. Stack as run_require's. */
static bool push_preloaded(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    lua_getfield(L, 3, PROGRAM_PACKAGE);
    if (lua_getfield(L, -1, "preload") != LUA_TTABLE)
        return false;
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) == LUA_TNIL || lua_rawequal(L, -1, -4))
        return false;
    lua_replace(L, 5);
    lua_settop(L, 5);
    return true;
}

/* Notes where a module of the script's folder would stand, at index 1 its name: it may come to be there. */
static void note_missing(lua_State *L, int environment) {
    static const char *const ends[] = {".lua", "/init.lua"};
    int top = lua_gettop(L);
    lua_getfield(L, environment, PROGRAM_SOURCES);
    lua_getfield(L, environment, PROGRAM_FOLDER);
    luaL_gsub(L, lua_tostring(L, 1), ".", "/");
    for (int i = 0; i < 2; i++) {
        lua_pushfstring(L, "%s/%s%s", lua_tostring(L, top + 2), lua_tostring(L, top + 3), ends[i]);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, top + 1) == LUA_TNIL) {
            lua_pushvalue(L, -2);
            lua_pushboolean(L, 0);
            lua_rawset(L, top + 1);
        }
        lua_settop(L, top + 3);
    }
    lua_settop(L, top);
}

/* require(name) of a run. Upvalue 1: the environment */
static int run_require(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushnil(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_getfield(L, 3, PROGRAM_LOADED);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 4) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    lua_getfield(L, 3, PROGRAM_STANDARD);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    lua_settop(L, 4);
    if (binding_push_library(L, lua_tostring(L, 1))) {
        /* Ours: they use the run's own "moonport". */
        lua_getfield(L, 3, PROGRAM_GLOBALS);
        lua_setupvalue(L, 5, 1);
        lua_pushliteral(L, ":preload:");
        lua_replace(L, 2);
        return run_module(L);
    }
    if (push_preloaded(L)) {
        lua_pushliteral(L, ":preload:");
        lua_replace(L, 2);
        return run_module(L);
    }
    lua_settop(L, 4);
    lua_pushvalue(L, 1);
    bool own = program_push_module_path(L, 3);
    lua_replace(L, 2);
    if (!own) {
        note_missing(L, 3);
        return require_shared(L);
    }
    if (!program_compile(L, lua_tostring(L, 2), 3))
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", lua_tostring(L, 1),
                          lua_tostring(L, 2), lua_tostring(L, -1));
    return run_module(L);
}

/* --- the environment ------------------------------------------------------------------------------------------------- */

static void copy_fields(lua_State *L, int from, int to) {
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

static void own_function(lua_State *L, int globals, const char *name, int before) {
    lua_getfield(L, globals, name);
    lua_pushvalue(L, globals);
    lua_pushinteger(L, before);
    lua_pushcclosure(L, load_with_globals, 3);
    lua_setfield(L, globals, name);
}

/* Puts a folder in front of the path at `index`, by way of replacing it. */
static void search_beside(lua_State *L, int index, const char *folder) {
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, lua_tostring(L, index));
    lua_replace(L, index);
}

/* The folder of a path, as require wants it; pushed. */
static const char *push_folder(lua_State *L, const char *path) {
    const char *slash = path ? strrchr(path, '/') : NULL;
    return lua_pushlstring(L, slash ? path : ".", slash ? (size_t)(slash - path) : 1);
}

static void push_package(lua_State *L, const char *folder, const char *target) {
    lua_createtable(L, 0, 8);
    int package = lua_gettop(L);
    lua_getglobal(L, "package");
    copy_fields(L, package + 1, package);
    lua_getfield(L, package + 1, "path");
    if (target)
        search_beside(L, package + 2, target);
    search_beside(L, package + 2, folder);
    lua_setfield(L, package, "path");
    lua_newtable(L);
    lua_getfield(L, package + 1, "preload");
    copy_fields(L, lua_gettop(L), lua_gettop(L) - 1);
    lua_pop(L, 1);
    lua_setfield(L, package, "preload");
    lua_settop(L, package);
}

/* On top a run's package.loaded: shows the installed ones, which all share, too. */
static void show_shared(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void program_push_environment(lua_State *L, const program_options *options, int module) {
    lua_createtable(L, 0, 8);
    int environment = lua_gettop(L);
    struct stat status;
    char *target = options->script && lstat(options->script, &status) == 0 && S_ISLNK(status.st_mode)
                       ? realpath(options->script, NULL)
                       : NULL;
    lua_pushnil(L);
    if (target) {
        /* Modules beside a link come first, then those beside what it leads to. */
        lua_pop(L, 1);
        push_folder(L, target);
        free(target);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_TARGET_FOLDER);
    push_folder(L, options->script);
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_FOLDER);
    push_package(L, lua_tostring(L, -1), lua_tostring(L, -2));
    lua_pushvalue(L, -1);
    lua_setfield(L, environment, PROGRAM_PACKAGE);
    int package = lua_gettop(L);
    lua_newtable(L);
    lua_setfield(L, environment, PROGRAM_SOURCES);
    lua_newtable(L);
    lua_pushvalue(L, module);
    lua_setfield(L, -2, "moonport");
    lua_pushvalue(L, package);
    lua_setfield(L, -2, "package");
    show_shared(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, package, "loaded");
    lua_setfield(L, environment, PROGRAM_LOADED);
    lua_getfield(L, LUA_REGISTRYINDEX, PROGRAM_STANDARD);
    lua_setfield(L, environment, PROGRAM_STANDARD);
    lua_getglobal(L, "require");
    lua_setfield(L, environment, PROGRAM_REQUIRE);

    lua_newtable(L);
    int globals = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    copy_fields(L, globals + 1, globals);
    lua_pop(L, 1);
    lua_pushvalue(L, globals);
    lua_setfield(L, globals, "_G");
    lua_getfield(L, environment, PROGRAM_LOADED);
    lua_pushvalue(L, globals);
    lua_setfield(L, -2, "_G");
    lua_pop(L, 1);
    lua_pushvalue(L, package);
    lua_setfield(L, globals, "package");
    lua_pushvalue(L, environment);
    lua_pushcclosure(L, run_require, 1);
    lua_setfield(L, globals, "require");
    own_function(L, globals, "load", 3);
    own_function(L, globals, "loadfile", 2);
    lua_pushvalue(L, globals);
    lua_pushcclosure(L, do_file, 1);
    lua_setfield(L, globals, "dofile");
    lua_setfield(L, environment, PROGRAM_GLOBALS);
    lua_settop(L, environment);
}

void program_keep_standard(lua_State *L) {
    lua_newtable(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    copy_fields(L, lua_gettop(L), lua_gettop(L) - 1);
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, PROGRAM_STANDARD);
}
