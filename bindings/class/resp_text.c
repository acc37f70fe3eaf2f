/*
 * What moonport.resp writes: commands, and a server's replies, in RESP2 or RESP3.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/resp.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/resp.h"
#include "data/resp_text.h"

enum { FLOAT = 32 };

/* Bytes that are written, or only counted. */
typedef struct output {
    char *text; /* NULL: they are counted */
    size_t size, room;
    bool is_resp3;
} output;

static void put(lua_State *L, output *out, const char *text, size_t size) {
    if (out->text) {
        if (size > out->room - out->size) /* a finaliser changed it behind the count */
            luaL_error(L, "the value changed while it was written");
        memcpy(out->text + out->size, text, size);
    }
    out->size += size;
}

static void put_header(lua_State *L, output *out, char type, lua_Integer value) {
    char header[MP_RESP_HEADER], *end = header + sizeof header;
    const char *begin = mp_resp_put_header(end, type, value);
    put(L, out, begin, (size_t)(end - begin));
}

static void put_bulk(lua_State *L, output *out, const char *text, size_t size) {
    put_header(L, out, '$', (lua_Integer)size);
    put(L, out, text, size);
    put(L, out, "\r\n", 2);
}

/* The shortest text that is read as the same number. -> its size */
static size_t float_text(char *text, lua_Number value) {
    if (isinf(value))
        return (size_t)snprintf(text, FLOAT, value > 0 ? "inf" : "-inf");
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(text, FLOAT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)size;
}

/* --- commands ------------------------------------------------------------------------------------------- */

/* Replaces the number at the index by what Redis reads as that number. */
static void set_text(lua_State *L, int index) {
    char text[FLOAT];
    int is_integer;
    lua_Integer integer = lua_tointegerx(L, index, &is_integer);
    if (is_integer) {
        const char *begin = mp_resp_put_number(text + FLOAT, integer);
        lua_pushlstring(L, begin, (size_t)(text + FLOAT - begin));
    } else {
        luaL_argcheck(L, !isnan(lua_tonumber(L, index)), index, "not a number");
        lua_pushlstring(L, text, float_text(text, lua_tonumber(L, index)));
    }
    lua_replace(L, index);
}

static void put_command(lua_State *L, output *out, int count) {
    put_header(L, out, '*', count);
    for (int i = 1; i <= count; i++) {
        size_t size;
        const char *text = lua_tolstring(L, i, &size);
        put_bulk(L, out, text, size);
    }
}

/* resp.command(name, ...) -> what a client sends; the arguments are strings or numbers */
static int resp_command(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checktype(L, 1, LUA_TSTRING);
    for (int i = 2; i <= count; i++) {
        if (lua_type(L, i) == LUA_TNUMBER)
            set_text(L, i);
        else if (lua_type(L, i) != LUA_TSTRING)
            luaL_typeerror(L, i, "string or number");
    }
    output counted = {0};
    put_command(L, &counted, count);
    luaL_Buffer buffer;
    output out = {.room = counted.size};
    out.text = luaL_buffinitsize(L, &buffer, counted.size);
    put_command(L, &out, count);
    luaL_pushresultsize(&buffer, out.size);
    return 1;
}

/* --- replies -------------------------------------------------------------------------------------------- */

/* resp.bulk(text) -> a string */
static int resp_bulk(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    size_t whole = mp_resp_string_size(size);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, whole);
    mp_resp_put_string(out, text, size);
    luaL_pushresultsize(&buffer, whole);
    return 1;
}

/* resp.integer(n) -> an integer */
static int resp_integer(lua_State *L) {
    char header[MP_RESP_HEADER], *end = header + sizeof header;
    const char *begin = mp_resp_put_header(end, ':', luaL_checkinteger(L, 1));
    lua_pushlstring(L, begin, (size_t)(end - begin));
    return 1;
}

static int push_line(lua_State *L, char type) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, size + 3);
    out[0] = type;
    for (size_t i = 0; i < size; i++)
        out[i + 1] = (char)(text[i] == '\r' || text[i] == '\n' ? ' ' : text[i]);
    out[size + 1] = '\r';
    out[size + 2] = '\n';
    luaL_pushresultsize(&buffer, size + 3);
    return 1;
}

/* resp.status(text) -> a simple string; blanks take the place of its line ends */
static int resp_status(lua_State *L) {
    return push_line(L, '+');
}

/* resp.error(text) -> an error */
static int resp_error(lua_State *L) {
    return push_line(L, '-');
}

static void put_value(lua_State *L, output *out, int depth);

/* The list on top. */
static void put_list(lua_State *L, output *out, char type, int depth) {
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    if (depth > MP_RESP_DEPTH)
        luaL_error(L, "too many lists within lists");
    luaL_checkstack(L, 2, NULL);
    if (type == '%' && count % 2 != 0)
        luaL_error(L, "a map has a name without a value");
    if (out->is_resp3)
        put_header(L, out, type, type == '%' ? count / 2 : count);
    else
        put_header(L, out, '*', count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        put_value(L, out, depth);
        lua_pop(L, 1);
    }
}

static void put_float(lua_State *L, output *out, lua_Number value) {
    char text[FLOAT];
    size_t size = float_text(text, value);
    if (!out->is_resp3) {
        put_bulk(L, out, text, size);
        return;
    }
    put(L, out, ",", 1);
    put(L, out, text, size);
    put(L, out, "\r\n", 2);
}

/* The value on top. */
static void put_value(lua_State *L, output *out, int depth) {
    size_t size;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, -1, &size);
        put_bulk(L, out, text, size);
        return;
    }
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            put_header(L, out, ':', lua_tointeger(L, -1));
        else
            put_float(L, out, lua_tonumber(L, -1));
        return;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -1))
            put(L, out, out->is_resp3 ? "#t\r\n" : ":1\r\n", 4);
        else if (out->is_resp3)
            put(L, out, "_\r\n", 3);
        else
            put(L, out, "$-1\r\n", 5);
        return;
    case LUA_TTABLE: put_list(L, out, '*', depth + 1); return;
    default: luaL_error(L, "a list holds a %s", luaL_typename(L, -1));
    }
}

/* (list[, version]) -> the list as this type, which RESP2 (the default) has as an array */
static int resp_list(lua_State *L) {
    char type = *lua_tostring(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer version = luaL_optinteger(L, 2, 2);
    luaL_argcheck(L, version == 2 || version == 3, 2, "2 or 3");
    output counted = {.is_resp3 = version == 3}, out = counted;
    lua_settop(L, 1);
    put_list(L, &counted, type, 1);
    luaL_Buffer buffer;
    out.room = counted.size;
    out.text = luaL_buffinitsize(L, &buffer, counted.size);
    lua_pushvalue(L, 1);
    put_list(L, &out, type, 1);
    lua_pop(L, 1);
    luaL_pushresultsize(&buffer, out.size);
    return 1;
}

void binding_open_resp_text(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"command", resp_command}, {"bulk", resp_bulk},   {"integer", resp_integer},
        {"status", resp_status},   {"error", resp_error}, {NULL, NULL},
    };
    static const char *const lists[][2] = {{"array", "*"}, {"map", "%"}, {"set", "~"}, {"push", ">"}};
    luaL_setfuncs(L, functions, 0);
    for (int i = 0; i < 4; i++) {
        lua_pushstring(L, lists[i][1]);
        lua_pushcclosure(L, resp_list, 1);
        lua_setfield(L, -2, lists[i][0]);
    }
}
