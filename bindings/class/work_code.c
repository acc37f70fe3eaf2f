/*
 * The codes of functions; see work_code.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/work_code.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "object/class.h"
#include "object/generation.h"

#define MOST_TEXTS 256 /* of functions that are kept */

void binding_release_code(binding_work_code *code) {
    if (!code || --code->references > 0)
        return;
    free(code->path);
    free(code->cpath);
    free(code->data);
    free(code);
}

/* The userdata of a code: a pointer to it. */
static int code_gc(lua_State *L) {
    binding_work_code **code = lua_touserdata(L, 1);
    binding_release_code(*code);
    *code = NULL;
    return 0;
}

/* Raises if the function at index 1 has upvalues; its _ENV is the globals of the thread. */
static void check_upvalues(lua_State *L) {
    luaL_Buffer names;
    int count = 0;
    luaL_buffinit(L, &names);
    for (int i = 1;; i++) {
        const char *name = lua_getupvalue(L, 1, i);
        if (!name)
            break;
        lua_pop(L, 1);
        if (strcmp(name, "_ENV") == 0)
            continue;
        if (count++ > 0)
            luaL_addstring(&names, ", ");
        luaL_addstring(&names, name);
    }
    luaL_pushresult(&names);
    if (count > 0)
        luaL_argerror(L, 1,
                      lua_pushfstring(L, "it uses local variables from outside, which its thread hasn't: %s",
                                      lua_tostring(L, -1)));
    lua_pop(L, 1);
}

/* A copy of a field of the table `package` that the function at index 1 sees, or NULL. */
static char *copy_path(lua_State *L, const char *field) {
    int top = lua_gettop(L);
    char *copy = NULL;
    if (!lua_getupvalue(L, 1, 1) || !lua_istable(L, -1))
        lua_pushglobaltable(L);
    if (lua_getfield(L, -1, LUA_LOADLIBNAME) == LUA_TTABLE && lua_getfield(L, -1, field) == LUA_TSTRING)
        copy = strdup(lua_tostring(L, -1));
    lua_settop(L, top);
    return copy;
}

/* A part of what string.dump gives. The buffer grows, and serves the next function too. */
static int append(lua_State *L, const void *data, size_t size, void *owner) {
    binding_codes *codes = owner;
    (void)L;
    if (codes->capacity - codes->size < size) {
        size_t capacity = 2 * codes->capacity + size;
        char *more = realloc(codes->text, capacity);
        if (!more)
            return 1;
        codes->text = more;
        codes->capacity = capacity;
    }
    memcpy(codes->text + codes->size, data, size);
    codes->size += size;
    return 0;
}

/* Pushes what string.dump gives for the function at index 1. */
static void push_text(lua_State *L, binding_codes *codes) {
    codes->size = 0;
    lua_pushvalue(L, 1);
    if (lua_dump(L, append, codes, 0) != 0)
        luaL_error(L, "work: out of memory");
    lua_pop(L, 1);
    lua_pushlstring(L, codes->text, codes->size);
}

/* Pushes a new code, whose text is on top. */
static void make_code(lua_State *L, binding_codes *codes, uint32_t generation) {
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    binding_work_code **pointer = lua_newuserdatauv(L, sizeof *pointer, 0);
    binding_work_code *code = *pointer = calloc(1, sizeof *code);
    if (!code) {
        luaL_error(L, "work: out of memory");
        return;
    }
    code->references = 1;
    code->number = ++codes->count;
    code->generation = generation;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, code_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    code->path = copy_path(L, "path");
    code->cpath = copy_path(L, "cpath");
    code->data = malloc(size);
    if (!code->data) {
        luaL_error(L, "work: out of memory");
        return;
    }
    memcpy(code->data, text, size);
    code->size = size;
}

static binding_work_code *code_at(lua_State *L, int index) {
    return lua_isuserdata(L, index) ? *(binding_work_code **)lua_touserdata(L, index) : NULL;
}

/* Pushes the code of a text, which is on top. Functions that are made anew for each call share it. */
static void push_code_of(lua_State *L, binding_codes *codes, uint32_t generation) {
    if (codes->texts >= MOST_TEXTS) {
        lua_newtable(L);
        lua_rawseti(L, LUA_REGISTRYINDEX, codes->by_text);
        codes->texts = 0;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, codes->by_text);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    const binding_work_code *code = code_at(L, -1);
    if (code && code->generation == generation)
        return;
    lua_pop(L, 1);
    lua_pushvalue(L, -2);
    make_code(L, codes, generation);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
    codes->texts++;
}

/* The code of the function at index 1. */
binding_work_code *binding_code_of(lua_State *L, binding_codes *codes) {
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, codes->by_function);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TUSERDATA) {
        check_upvalues(L);
        push_text(L, codes);
        push_code_of(L, codes, binding_generation_of(L)->number);
        lua_pushvalue(L, 1);
        lua_pushvalue(L, -2);
        lua_rawset(L, top + 1);
    }
    binding_work_code *code = code_at(L, -1);
    lua_settop(L, top);
    return code;
}

void binding_open_codes(lua_State *L, binding_codes *codes) {
    binding_push_weak_table(L, "k");
    codes->by_function = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    codes->by_text = luaL_ref(L, LUA_REGISTRYINDEX);
}

void binding_free_codes(binding_codes *codes) {
    free(codes->text);
    codes->text = NULL;
    codes->capacity = 0;
}
