/*
 * --check: compiles the script and the modules of its folder that it names, without running anything. Names
 * are those in `require "name"`; a module whose name is computed can't be known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/check.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "library.h"
#include "script/environment.h"
#include "script/search.h"
#include "script/source.h"

/* --- the names in a Lua text ---------------------------------------------------------------------------- */

typedef struct scanner {
    const char *at, *end;
    const char *line_start; /* of the line up to which lines were counted */
    int line;
    char before;     /* the last character that was no space */
    bool sets_paths; /* it mentions `package`: where modules are found may change while it runs */
} scanner;

static bool looking_at(const scanner *s, const char *text) {
    size_t length = strlen(text);
    return (size_t)(s->end - s->at) >= length && memcmp(s->at, text, length) == 0;
}

static void skip_spaces(scanner *s) {
    while (s->at < s->end && isspace((unsigned char)*s->at))
        s->at++;
}

/* [[…]], [=[…]=] and so on; false, and nothing skipped, if none begins here. */
static bool skip_long_string(scanner *s) {
    const char *at = s->at + 1;
    while (at < s->end && *at == '=')
        at++;
    size_t level = (size_t)(at - s->at) - 1;
    if (at >= s->end || *at != '[')
        return false;
    for (; at < s->end; at++)
        if (*at == ']' && (size_t)(s->end - at) > level + 1 && at[level + 1] == ']' &&
            strspn(at + 1, "=") == level)
            break;
    s->at = at < s->end ? at + level + 2 : s->end;
    return true;
}

static void skip_comment(scanner *s) {
    s->at += 2;
    if (s->at < s->end && *s->at == '[' && skip_long_string(s))
        return;
    while (s->at < s->end && *s->at != '\n')
        s->at++;
}

static void skip_string(scanner *s) {
    char quote = *s->at++;
    while (s->at < s->end && *s->at != quote)
        s->at += *s->at == '\\' ? 2 : 1;
    s->at = s->at < s->end ? s->at + 1 : s->end;
}

static int line_of(scanner *s) {
    for (; s->line_start < s->at; s->line_start++)
        s->line += *s->line_start == '\n';
    return s->line;
}

/* After the word `require`: pushes the name if it is called with a plain string. */
static bool push_argument(lua_State *L, scanner *s) {
    skip_spaces(s);
    bool bracket = looking_at(s, "(");
    s->at += bracket;
    skip_spaces(s);
    if (!looking_at(s, "\"") && !looking_at(s, "'"))
        return false;
    const char *start = s->at + 1;
    skip_string(s);
    lua_pushlstring(L, start, s->at > start ? (size_t)(s->at - start) - 1 : 0);
    skip_spaces(s);
    if (!strchr(lua_tostring(L, -1), '\\') && (!bracket || looking_at(s, ")")))
        return true;
    lua_pop(L, 1);
    return false;
}

/* Pushes the next name that the text requires; false, and nothing, at its end. */
static bool push_next_name(lua_State *L, scanner *s, int *line) {
    while (s->at < s->end) {
        if (looking_at(s, "--")) {
            skip_comment(s);
        } else if (*s->at == '"' || *s->at == '\'') {
            skip_string(s);
            s->before = '"';
        } else if (*s->at == '[' && skip_long_string(s)) {
            s->before = '"';
        } else if (isalnum((unsigned char)*s->at) || *s->at == '_') {
            const char *word = s->at;
            while (s->at < s->end && (isalnum((unsigned char)*s->at) || *s->at == '_'))
                s->at++;
            size_t length = (size_t)(s->at - word);
            bool field = s->before == '.' || s->before == ':';
            s->before = 'a';
            s->sets_paths = s->sets_paths || (length == 7 && memcmp(word, "package", 7) == 0);
            if (!field && length == 7 && memcmp(word, "require", 7) == 0) {
                *line = line_of(s);
                if (push_argument(L, s))
                    return true;
            }
        } else {
            if (!isspace((unsigned char)*s->at))
                s->before = *s->at;
            s->at++;
        }
    }
    return false;
}

/* --- the check ------------------------------------------------------------------------------------------ */

/* Is `name`, which is no module of the script's folder, found elsewhere? */
static bool is_installed(lua_State *L, int environment, const char *name) {
    static const char *const tables[] = {"loaded", "preload"};
    static const char *const paths[] = {"path", "cpath", "cpath"};
    int top = lua_gettop(L);
    bool found = binding_push_library(L, binding_library, name);
    lua_getfield(L, environment, PROGRAM_PACKAGE);
    int package = lua_gettop(L);
    for (size_t i = 0; !found && i < 2; i++)
        found = lua_getfield(L, package, tables[i]) == LUA_TTABLE && lua_getfield(L, -1, name) != LUA_TNIL;
    found = found || (lua_getfield(L, environment, PROGRAM_STANDARD) == LUA_TTABLE &&
                      lua_getfield(L, -1, name) != LUA_TNIL);
    for (size_t i = 0; !found && i < 3; i++) {
        lua_getfield(L, package, "searchpath");
        lua_pushlstring(L, name, i < 2 ? strlen(name) : strcspn(name, ".")); /* a C library for a family */
        lua_getfield(L, package, paths[i]);
        lua_call(L, 2, 1);
        found = lua_type(L, -1) == LUA_TSTRING;
    }
    found = found || program_push_c_module_path(L, environment, name);
    lua_settop(L, top);
    return found;
}

/* Checks the file `path` and what it requires; raises what is wrong. */
static void check_file(lua_State *L, int environment, const char *path, bool *sets_paths) {
    int line = 0;
    luaL_checkstack(L, 20, "too many modules");
    if (program_compile(L, path, environment, NULL) != PROGRAM_COMPILED)
        lua_error(L);
    lua_pop(L, 1);
    lua_getfield(L, environment, PROGRAM_SOURCES);
    lua_getfield(L, -1, path);
    const program_text *source = program_to_text(L, -1);
    if (!source) {
        lua_pop(L, 2); /* standard input */
        return;
    }
    const char *text = source->bytes;
    scanner s = {
        .at = text, .end = text + source->size, .line_start = text, .line = 1, .sets_paths = *sets_paths};
    if (*text == '#')
        s.at += strcspn(text, "\n");
    while (push_next_name(L, &s, &line)) {
        const char *name = lua_tostring(L, -1);
        *sets_paths = s.sets_paths;
        lua_pushvalue(L, -1);
        if (program_push_module_path(L, environment)) {
            lua_getfield(L, environment, PROGRAM_SOURCES);
            bool seen = lua_getfield(L, -1, lua_tostring(L, -2)) != LUA_TNIL;
            lua_pop(L, 2);
            if (!seen)
                check_file(L, environment, lua_tostring(L, -1), sets_paths);
        } else if (!*sets_paths && !is_installed(L, environment, name)) {
            luaL_error(L, "%s:%d: module '%s' not found", path, line, name);
        }
        lua_pop(L, 2);
    }
    *sets_paths = s.sets_paths;
    lua_pop(L, 2);
}

/* options -> */
static int check(lua_State *L) {
    const program_options *options = lua_touserdata(L, 1);
    bool sets_paths = false;
    lua_newtable(L);
    program_push_environment(L, options, 2);
    lua_pushstring(L, options->script);
    lua_setfield(L, -2, PROGRAM_PIPE);
    check_file(L, lua_gettop(L), options->script, &sets_paths);
    return 0;
}

int program_check(lua_State *L, const program_options *options) {
    lua_pushcfunction(L, check);
    lua_pushlightuserdata(L, (void *)(uintptr_t)options);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        program_complain(lua_tostring(L, -1));
        return 1;
    }
    printf("%s: ok\n", options->script);
    return 0;
}
