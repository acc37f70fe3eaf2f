/*
 * moonport.http.head: what moonport.http leaves to C. Heads of requests and responses become tables, chunked
 * bodies become their data. A request's header fields stay in the text until somebody asks for them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/http_head.h"

#include <lauxlib.h>
#include <string.h>
#include <strings.h>

#include "data/http_chunks.h"
#include "data/http_head.h"

/* Upvalues of the functions that `parser` makes. */
enum { LIMITS = 1, METATABLE, READERS, FIRST_NAME };

/* Of a request, and of a response. */
static const char *const names[2][4] = {{"method", "target", "path", "query"}, {"status", "reason"}};

/* The fields of the table that a head becomes: its text, and where in it the header fields begin and end. */
enum { TEXT = 1, FIELDS, END, MINOR };

typedef struct head_reader {
    mp_http_head head;
    size_t size; /* bytes that arrived */
    size_t capacity;
    bool ended;
} head_reader;

static const mp_http_limits *limits_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(LIMITS));
}

static int push_refusal(lua_State *L, int status, const char *why) {
    lua_pushnil(L);
    lua_pushinteger(L, status);
    lua_pushstring(L, why);
    return 3;
}

static void set_slice(lua_State *L, int name, const char *text, mp_http_slice slice) {
    lua_pushvalue(L, lua_upvalueindex(FIRST_NAME + name));
    lua_pushlstring(L, text + slice.at, slice.length);
    lua_rawset(L, -3);
}

/* The path where the target has none: http://host?query */
static void set_rooted_path(lua_State *L, const char *text, mp_http_slice path) {
    lua_pushvalue(L, lua_upvalueindex(FIRST_NAME + 2));
    lua_pushliteral(L, "/");
    lua_pushlstring(L, text + path.at, path.length);
    lua_concat(L, 2);
    lua_rawset(L, -3);
}

static void set_request_line(lua_State *L, const mp_http_head *head, const char *text) {
    set_slice(L, 0, text, head->method);
    set_slice(L, 1, text, head->target);
    if (head->rooted)
        set_rooted_path(L, text, head->path);
    else
        set_slice(L, 2, text, head->path);
    set_slice(L, 3, text, head->query);
}

static void set_status_line(lua_State *L, const mp_http_head *head, const char *text) {
    lua_pushvalue(L, lua_upvalueindex(FIRST_NAME));
    lua_pushinteger(L, head->status);
    lua_rawset(L, -3);
    set_slice(L, 1, text, head->method);
}

/*
 * The head that begins at `from` of the string at `index`, which is `text`
 * -> table, the position after the head, whether the connection is kept, minor version, length of the body
 * (-1: chunked, nil: not said), whether 100-continue is expected
 */
static int push_head(lua_State *L, const mp_http_head *head, int index, const char *text, size_t from) {
    lua_createtable(L, MINOR, 8);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, TEXT);
    lua_pushinteger(L, (lua_Integer)from + head->fields);
    lua_rawseti(L, -2, FIELDS);
    lua_pushinteger(L, (lua_Integer)from + head->end);
    lua_rawseti(L, -2, END);
    lua_pushinteger(L, head->minor);
    lua_rawseti(L, -2, MINOR);
    if (head->is_response)
        set_status_line(L, head, text + from);
    else
        set_request_line(L, head, text + from);
    lua_pushvalue(L, lua_upvalueindex(METATABLE));
    lua_setmetatable(L, -2);
    lua_pushinteger(L, (lua_Integer)from + head->end + 1);
    lua_pushboolean(L, head->minor == 0 ? head->keep : !head->close);
    lua_pushinteger(L, head->minor);
    if (head->chunked)
        lua_pushinteger(L, -1);
    else if (head->has_length)
        lua_pushinteger(L, (lua_Integer)head->length);
    else
        lua_pushnil(L);
    lua_pushboolean(L, head->expects);
    return 6;
}

static bool is_response(lua_State *L) {
    return lua_type(L, lua_upvalueindex(FIRST_NAME + 3)) == LUA_TNIL;
}

/* parse(text, position) -> what push_head says | nil: there is more to come | nil, status, why */
static int parse(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_Integer at = luaL_checkinteger(L, 2);
    luaL_argcheck(L, at >= 1 && (size_t)at <= size + 1 && size <= INT32_MAX, 2, "no position of the text");
    size_t from = (size_t)at - 1;
    mp_http_head head;
    mp_http_head_init(&head, is_response(L));
    switch (mp_http_head_feed(&head, limits_of(L), text + from, size - from)) {
    case MP_HTTP_DONE: return push_head(L, &head, 1, text, from);
    case MP_HTTP_REFUSED: return push_refusal(L, head.refusal, head.why);
    default: lua_pushnil(L); return 1;
    }
}

/* open() -> a reader, for a head that comes in pieces: each byte is looked at once */
static int open_reader(lua_State *L) {
    head_reader *new = lua_newuserdatauv(L, sizeof *new, 1);
    mp_http_head_init(&new->head, is_response(L));
    new->size = new->capacity = 0;
    new->ended = false;
    lua_pushvalue(L, lua_upvalueindex(READERS));
    lua_setmetatable(L, -2);
    return 1;
}

static char *append(lua_State *L, head_reader *reader, const char *text, size_t size) {
    lua_getiuservalue(L, 1, 1);
    char *data = lua_touserdata(L, -1);
    if (!data || reader->size + size > reader->capacity) {
        size_t capacity = 2 * (reader->size + size) + 256;
        char *larger = lua_newuserdatauv(L, capacity, 0);
        if (data)
            memcpy(larger, data, reader->size);
        lua_setiuservalue(L, 1, 1);
        data = larger;
        reader->capacity = capacity;
    }
    memcpy(data + reader->size, text, size);
    lua_pop(L, 1);
    return data;
}

/*
 * feed(reader, text) -> how many bytes of the text belong to the head, and what push_head says
 * | nil: more follows, and all are used | nil, status, why
 */
static int feed_reader(lua_State *L) {
    luaL_argcheck(L, lua_getmetatable(L, 1) && lua_rawequal(L, -1, lua_upvalueindex(READERS)), 1,
                  "no reader");
    head_reader *reader = lua_touserdata(L, 1);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, !reader->ended, 1, "its head ended");
    luaL_argcheck(L, size <= INT32_MAX - reader->size, 2, "too long");
    lua_settop(L, 2);
    const char *data = append(L, reader, text, size);
    enum mp_http_outcome outcome = mp_http_head_feed(&reader->head, limits_of(L), data, reader->size + size);
    size_t before = reader->size;
    reader->size += size;
    if (outcome == MP_HTTP_MORE) {
        lua_pushnil(L);
        return 1;
    }
    reader->ended = true;
    if (outcome == MP_HTTP_REFUSED)
        return push_refusal(L, reader->head.refusal, reader->head.why);
    const char *whole = lua_pushlstring(L, data, reader->head.end);
    lua_pushinteger(L, (lua_Integer)reader->head.end - (lua_Integer)before);
    return 1 + push_head(L, &reader->head, 3, whole, 0);
}

static mp_http_limits *push_limits(lua_State *L, int index) {
    static const char *const fields[] = {"line", "head", "headers", "body"};
    lua_Integer values[4];
    luaL_checktype(L, index, LUA_TTABLE);
    for (int i = 0; i < 4; i++) {
        lua_getfield(L, index, fields[i]);
        lua_Integer most = i == 3 ? (lua_Integer)1 << 53 : 1 << 30;
        values[i] = lua_tointeger(L, -1);
        if (!lua_isinteger(L, -1) || values[i] < 0 || values[i] > most)
            luaL_error(L, "the limit %s is not a whole number from 0 to %I", fields[i], most);
        lua_pop(L, 1);
    }
    mp_http_limits *limits = lua_newuserdatauv(L, sizeof *limits, 0);
    *limits = (mp_http_limits){(uint32_t)values[0], (uint32_t)values[1], (uint32_t)values[2],
                               (uint64_t)values[3]};
    return limits;
}

/*
 * head.parser("request" | "response", limits, metatable) -> parse, open, feed; limits: line, head, headers,
 * body; metatable: that of the tables which the functions make
 */
static int new_parser(lua_State *L) {
    static const char *const kinds[] = {"request", "response", NULL};
    static const lua_CFunction functions[] = {parse, open_reader, feed_reader};
    int kind = luaL_checkoption(L, 1, NULL, kinds);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    push_limits(L, 2);
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, 4);
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 5);
        for (int j = 0; j < 4; j++)
            lua_pushstring(L, names[kind][j]);
        lua_pushcclosure(L, functions[i], FIRST_NAME + 3);
    }
    return 3;
}

/* --- header fields -------------------------------------------------------------------------------------- */

typedef struct head_region {
    const char *text;
    uint32_t at, end;
} head_region;

/* The header fields of the table that push_head made, at `index`. */
static head_region check_region(lua_State *L, int index) {
    head_region region;
    size_t size;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_rawgeti(L, index, TEXT);
    lua_rawgeti(L, index, FIELDS);
    lua_rawgeti(L, index, END);
    lua_Integer at = lua_tointeger(L, -2), end = lua_tointeger(L, -1);
    if (lua_type(L, -3) != LUA_TSTRING)
        luaL_argerror(L, index, "no head");
    region.text = lua_tolstring(L, -3, &size);
    if (at < 0 || end < at + 2 || (size_t)end > size)
        luaL_argerror(L, index, "no head");
    region.at = (uint32_t)at;
    region.end = (uint32_t)end;
    return region; /* the three values stay on the stack */
}

static void push_lower(lua_State *L, const char *text, size_t size) {
    luaL_Buffer buffer;
    char *lower = luaL_buffinitsize(L, &buffer, size);
    for (size_t i = 0; i < size; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 32 : text[i]);
    luaL_pushresultsize(&buffer, size);
}

/* head.fields(request) -> header fields: names in lower case, repeated ones joined by ", " */
static int head_fields(lua_State *L) {
    head_region region = check_region(L, 1);
    mp_http_slice name, value;
    lua_createtable(L, 0, 8);
    int fields = lua_gettop(L);
    while (mp_http_head_next(region.text, region.end, &region.at, &name, &value)) {
        push_lower(L, region.text + name.at, name.length);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, fields) != LUA_TNIL) {
            lua_pushliteral(L, ", ");
            lua_pushlstring(L, region.text + value.at, value.length);
            lua_concat(L, 3);
        } else {
            lua_pop(L, 1);
            lua_pushlstring(L, region.text + value.at, value.length);
        }
        lua_rawset(L, fields);
    }
    return 1;
}

/* head.field(request, name) -> each value of the header field; nothing: there is none */
static int head_field(lua_State *L) {
    size_t size;
    const char *wanted = luaL_checklstring(L, 2, &size);
    head_region region = check_region(L, 1);
    mp_http_slice name, value;
    int before = lua_gettop(L);
    while (mp_http_head_next(region.text, region.end, &region.at, &name, &value)) {
        if (name.length != size || strncasecmp(region.text + name.at, wanted, size) != 0)
            continue;
        luaL_checkstack(L, 1, "too many values");
        lua_pushlstring(L, region.text + value.at, value.length);
    }
    return lua_gettop(L) - before;
}

/* --- chunked bodies ------------------------------------------------------------------------------------- */

typedef struct chunked_body {
    mp_http_chunks chunks;
    mp_http_limits limits;
    bool ended;
} chunked_body;

/* head.chunks(limits) -> the state of a chunked body */
static int new_chunks(lua_State *L) {
    lua_settop(L, 1);
    const mp_http_limits *limits = push_limits(L, 1);
    chunked_body *new = lua_newuserdatauv(L, sizeof *new, 0);
    mp_http_chunks_init(&new->chunks);
    new->limits = *limits;
    new->ended = false;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return 1;
}

/*
 * head.feed(chunks, text, position) -> data, the position behind what is used, whether the body ended
 * | nil, status, why
 */
static int feed_chunks(lua_State *L) {
    luaL_argcheck(L, lua_getmetatable(L, 1) && lua_rawequal(L, -1, lua_upvalueindex(1)), 1, "no chunks");
    chunked_body *chunks = lua_touserdata(L, 1);
    size_t size, length = 0;
    const char *text = luaL_checklstring(L, 2, &size);
    lua_Integer position = luaL_checkinteger(L, 3);
    luaL_argcheck(L, position >= 1 && (size_t)position <= size + 1, 3, "no position of the text");
    luaL_argcheck(L, !chunks->ended, 1, "the body ended");
    size_t at = (size_t)position - 1;
    luaL_Buffer data;
    luaL_buffinit(L, &data);
    enum mp_http_outcome outcome;
    while ((outcome = mp_http_chunks_feed(&chunks->chunks, &chunks->limits, text, size, &at, &length)) ==
           MP_HTTP_DATA)
        luaL_addlstring(&data, text + at - length, length);
    luaL_pushresult(&data);
    chunks->ended = outcome != MP_HTTP_MORE;
    if (outcome == MP_HTTP_REFUSED)
        return push_refusal(L, chunks->chunks.refusal, chunks->chunks.why);
    lua_pushinteger(L, (lua_Integer)at + 1);
    lua_pushboolean(L, outcome == MP_HTTP_DONE);
    return 3;
}

int luaopen_moonport_http_head(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"parser", new_parser},
        {"fields", head_fields},
        {"field", head_field},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, new_chunks, 1);
    lua_setfield(L, -3, "chunks");
    lua_pushcclosure(L, feed_chunks, 1);
    lua_setfield(L, -2, "feed");
    binding_open_http_answer(L);
    binding_open_http_folder(L);
    return 1;
}
