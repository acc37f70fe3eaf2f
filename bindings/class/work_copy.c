/*
 * Copies of Lua values; see work_copy.h. A value is a tag and, for some, its bytes. A table is a tag, the
 * length of its sequence, pairs of key and value, and an end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/work_copy.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 100 /* tables within tables */

enum { TAG_NIL, TAG_FALSE, TAG_TRUE, TAG_INTEGER, TAG_NUMBER, TAG_STRING, TAG_TABLE, TAG_END };

void binding_copy_clear(binding_copy *copy) {
    free(copy->data);
    *copy = (binding_copy){0};
}

/* --- putting -------------------------------------------------------------------------------------------- */

static bool has_room(binding_copy *copy, size_t size) {
    if (copy->capacity - copy->size >= size)
        return true;
    if (copy->most > 0 && (size > copy->most || copy->size > copy->most - size))
        return false;
    size_t capacity = 2 * copy->capacity + size + 64;
    if (copy->most > 0 && capacity > copy->most)
        capacity = copy->most;
    char *more = realloc(copy->data, capacity);
    if (!more)
        return false;
    copy->data = more;
    copy->capacity = capacity;
    return true;
}

static void append(lua_State *L, binding_copy *copy, const void *data, size_t size) {
    if (size == 0)
        return;
    if (!has_room(copy, size))
        luaL_error(L, "not enough memory (--work-memory)");
    memcpy(copy->data + copy->size, data, size);
    copy->size += size;
}

static void append_tagged(lua_State *L, binding_copy *copy, char tag, const void *data, size_t size) {
    append(L, copy, &tag, 1);
    append(L, copy, data, size);
}

/* Pushes where the value is that can't be copied, seen from here: ".name", "[1]", and what was found
   there. */
static void push_place(lua_State *L, int key) {
    const char *rest = lua_tostring(L, -1);
    if (lua_type(L, key) == LUA_TSTRING)
        lua_pushfstring(L, ".%s%s", lua_tostring(L, key), rest);
    else if (lua_isinteger(L, key))
        lua_pushfstring(L, "[%I]%s", (LUAI_UACINT)lua_tointeger(L, key), rest);
    else
        lua_pushfstring(L, "[%s]%s", luaL_typename(L, key), rest);
}

static bool put(lua_State *L, binding_copy *copy, int index, int depth);

/* As put, for a table. */
static bool put_table(lua_State *L, binding_copy *copy, int index, int depth) {
    lua_Unsigned length = lua_rawlen(L, index);
    uint32_t sequence = length < 1u << 26 ? (uint32_t)length : 0;
    int top = lua_gettop(L);
    append_tagged(L, copy, TAG_TABLE, &sequence, sizeof sequence);
    luaL_checkstack(L, 8, NULL);
    for (lua_pushnil(L); lua_next(L, index); lua_settop(L, top + 1)) {
        if (lua_istable(L, top + 1)) {
            lua_pushliteral(L, ": a table as a key can't be copied");
            return false;
        }
        if (!put(L, copy, top + 1, depth) || !put(L, copy, top + 2, depth)) {
            push_place(L, top + 1);
            return false;
        }
    }
    lua_settop(L, top);
    append_tagged(L, copy, TAG_END, NULL, 0);
    return true;
}

/* Appends the value at `index`. False: it can't be copied; then a text is on top that says why. */
static bool put(lua_State *L, binding_copy *copy, int index, int depth) {
    lua_Integer integer;
    lua_Number number;
    size_t size;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TNIL: append_tagged(L, copy, TAG_NIL, NULL, 0); return true;
    case LUA_TBOOLEAN:
        append_tagged(L, copy, lua_toboolean(L, index) ? TAG_TRUE : TAG_FALSE, NULL, 0);
        return true;
    case LUA_TNUMBER:
        integer = lua_tointeger(L, index);
        number = lua_tonumber(L, index);
        if (lua_isinteger(L, index))
            append_tagged(L, copy, TAG_INTEGER, &integer, sizeof integer);
        else
            append_tagged(L, copy, TAG_NUMBER, &number, sizeof number);
        return true;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &size);
        append_tagged(L, copy, TAG_STRING, &size, sizeof size);
        append(L, copy, text, size);
        return true;
    case LUA_TTABLE:
        if (depth < DEEPEST)
            return put_table(L, copy, index, depth + 1);
        lua_pushliteral(L, ": tables that contain themselves, or are nested so deeply, can't be copied");
        return false;
    default: lua_pushfstring(L, ": a %s can't be copied", luaL_typename(L, index)); return false;
    }
}

void binding_copy_put(lua_State *L, binding_copy *copy, int first, const char *what) {
    int top = lua_gettop(L);
    for (int i = first; i <= top; i++) {
        if (!put(L, copy, i, 0))
            luaL_error(L, "%s %d%s", what, i - first + 1, lua_tostring(L, -1));
        copy->count++;
    }
}

void binding_copy_set_text(binding_copy *copy, const char *text) {
    size_t size = strlen(text);
    copy->size = 0;
    copy->count = 0;
    if (!has_room(copy, 1 + sizeof size + size))
        return;
    copy->data[0] = TAG_STRING;
    memcpy(copy->data + 1, &size, sizeof size);
    memcpy(copy->data + 1 + sizeof size, text, size);
    copy->size = 1 + sizeof size + size;
    copy->count = 1;
}

/* --- pushing -------------------------------------------------------------------------------------------- */

static void take(const char **from, void *to, size_t size) {
    memcpy(to, *from, size);
    *from += size;
}

/* Pushes the next value. False: it was the end of a table. */
static bool push(lua_State *L, const char **from) {
    lua_Integer integer;
    lua_Number number;
    size_t size;
    uint32_t sequence;
    switch (*(*from)++) {
    case TAG_NIL: lua_pushnil(L); return true;
    case TAG_FALSE: lua_pushboolean(L, 0); return true;
    case TAG_TRUE: lua_pushboolean(L, 1); return true;
    case TAG_INTEGER:
        take(from, &integer, sizeof integer);
        lua_pushinteger(L, integer);
        return true;
    case TAG_NUMBER:
        take(from, &number, sizeof number);
        lua_pushnumber(L, number);
        return true;
    case TAG_STRING:
        take(from, &size, sizeof size);
        lua_pushlstring(L, *from, size);
        *from += size;
        return true;
    case TAG_TABLE:
        take(from, &sequence, sizeof sequence);
        luaL_checkstack(L, 4, NULL);
        lua_createtable(L, (int)sequence, 0);
        while (push(L, from)) {
            (void)push(L, from);
            lua_rawset(L, -3);
        }
        return true;
    default: return false;
    }
}

int binding_copy_push(lua_State *L, const binding_copy *copy) {
    const char *from = copy->data;
    luaL_checkstack(L, copy->count + 4, "too many values");
    for (int i = 0; i < copy->count; i++)
        (void)push(L, &from);
    assert(copy->count == 0 || from == copy->data + copy->size);
    return copy->count;
}
