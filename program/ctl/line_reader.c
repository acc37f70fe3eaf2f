/*
 * Lines from a terminal; see line_reader.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "ctl/line_reader.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of libedit's interface, which is readline's, that is used. */
typedef char *generator(const char *text, int state);

static struct {
    bool loaded;
    char *(*readline)(const char *prompt);
    int (*add_history)(const char *line);
    char **(*matches)(const char *text, generator *next);
    lua_State *L; /* while a line is read; its upvalue 1 is `complete` */
} edit;

/* Gives one name after another of the list on top of the stack. */
static char *next_name(const char *text, int state) {
    static lua_Integer next;
    (void)text;
    next = state == 0 ? 1 : next + 1;
    lua_rawgeti(edit.L, -1, next);
    const char *name = lua_tostring(edit.L, -1);
    char *copy = name ? strdup(name) : NULL;
    lua_pop(edit.L, 1);
    return copy;
}

static char **complete(const char *text, int start, int end) {
    lua_State *L = edit.L;
    char **found = NULL;
    (void)start, (void)end;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushstring(L, text);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_istable(L, -1))
        found = edit.matches(text, next_name);
    lua_pop(L, 1);
    return found;
}

static void load(void) {
    if (edit.loaded)
        return;
    edit.loaded = true;
    void *library = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return;
    char ***attempted = dlsym(library, "rl_attempted_completion_function");
    const char **breaks = dlsym(library, "rl_completer_word_break_characters");
    int *append = dlsym(library, "rl_completion_append_character");
    *(void **)&edit.matches = dlsym(library, "rl_completion_matches");
    *(void **)&edit.add_history = dlsym(library, "add_history");
    *(void **)&edit.readline = dlsym(library, "readline");
    if (!attempted || !breaks || !append || !edit.matches || !edit.add_history) {
        edit.readline = NULL;
        return;
    }
    *(char **(**)(const char *, int, int))attempted = complete;
    *breaks = " \t\n()[]{}=<>~+-*/%^#,;\"'&|";
    *append = '\0';
}

/* Without libedit: -> line | nil */
static int read_plainly(lua_State *L, const char *prompt) {
    char *line = NULL;
    size_t room = 0;
    fputs(prompt, stdout);
    fflush(stdout);
    ssize_t size = getline(&line, &room, stdin);
    if (size > 0)
        lua_pushlstring(L, line, (size_t)size - (line[size - 1] == '\n'));
    free(line);
    return size > 0;
}

/* prompt -> line | nil. Upvalue 1: `complete` */
static int read_line(lua_State *L) {
    const char *prompt = luaL_checkstring(L, 1);
    load();
    if (!edit.readline)
        return read_plainly(L, prompt);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    edit.L = L;
    char *line = edit.readline(prompt);
    edit.L = NULL;
    if (!line)
        return 0;
    if (*line)
        edit.add_history(line);
    lua_pushstring(L, line);
    free(line);
    return 1;
}

int program_line_reader(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, read_line, 1);
    return 1;
}
