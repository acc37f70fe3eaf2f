/*
 * moonport.resp: Redis' protocol for both sides. A reader keeps what has arrived, and gives one command, or
 * one reply, at a time. While all that it has is one string, it reads in that string.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/resp.h"

#include <assert.h>
#include <lauxlib.h>
#include <string.h>

#include "data/resp.h"

/* What `next` gives of a command beside its name and the number of its arguments; the others are in a
   table. */
enum { GIVEN = 3 };

typedef struct resp_reader {
    mp_resp_limits limits;
    union {
        mp_resp_command command;
        mp_resp_reply reply;
    };
    bool in_string; /* the bytes are the string in the user value BYTES, else a userdata there */
    size_t start, size, capacity;
    size_t last, first; /* the last command: where it begins, and in it its first string; 0: an inline one */
    uint32_t count;     /* its strings */
    const char *why;    /* what is malformed */
    char got;
} resp_reader;

enum { BYTES = 1, WORDS }; /* user values; WORDS: a table of those of the last inline command */

static resp_reader *check_reader(lua_State *L) {
    resp_reader *reader = lua_touserdata(L, 1);
    luaL_argcheck(L, lua_getmetatable(L, 1) && lua_rawequal(L, -1, lua_upvalueindex(1)), 1, "no reader");
    lua_pop(L, 1);
    return reader;
}

/* Pushes the bytes. */
static const char *push_bytes(lua_State *L, const resp_reader *reader) {
    lua_getiuservalue(L, 1, BYTES);
    return reader->in_string ? lua_tostring(L, -1) : lua_touserdata(L, -1);
}

/* Copies what isn't read yet to where `more` bytes have room behind it. */
static char *make_room(lua_State *L, resp_reader *reader, size_t more) {
    size_t unread = reader->size - reader->start;
    const char *bytes = push_bytes(L, reader) + reader->start;
    char *room = lua_touserdata(L, -1); /* NULL: a string */
    if (!room || unread + more > reader->capacity / 2) {
        size_t capacity = 2 * (unread + more) + 256;
        room = lua_newuserdatauv(L, capacity, 0);
        memcpy(room, bytes, unread);
        lua_setiuservalue(L, 1, BYTES);
        reader->capacity = capacity;
        reader->in_string = false;
    } else {
        memmove(room, bytes, unread);
    }
    lua_pop(L, 1);
    reader->start = 0;
    reader->size = unread;
    return room;
}

/* reader:feed(bytes) */
static int reader_feed(lua_State *L) {
    resp_reader *reader = check_reader(L);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    lua_settop(L, 2);
    if (reader->why || size == 0)
        return 0;
    reader->count = 0;
    if (reader->start == reader->size) {
        lua_setiuservalue(L, 1, BYTES);
        reader->in_string = true;
        reader->start = 0;
        reader->size = size;
        return 0;
    }
    luaL_argcheck(L, size < PTRDIFF_MAX / 4 - reader->size, 2, "too long");
    char *bytes;
    if (!reader->in_string && reader->capacity - reader->size >= size) {
        lua_getiuservalue(L, 1, BYTES);
        bytes = lua_touserdata(L, -1);
    } else {
        bytes = make_room(L, reader, size);
    }
    memcpy(bytes + reader->size, text, size);
    reader->size += size;
    return 0;
}

/* There is no whole one: lets go of the bytes if all are read. */
static int push_nothing(lua_State *L, resp_reader *reader) {
    if (reader->start == reader->size && reader->size > 0) {
        lua_pushnil(L);
        lua_setiuservalue(L, 1, BYTES);
        reader->in_string = true;
        reader->start = reader->size = reader->capacity = 0;
    }
    lua_pushnil(L);
    return 1;
}

static int push_malformed(lua_State *L, const resp_reader *reader) {
    lua_pushnil(L);
    if (reader->got != 0)
        lua_pushfstring(L, "%s, got '%c'", reader->why, reader->got);
    else
        lua_pushstring(L, reader->why);
    return 2;
}

static int refuse(lua_State *L, resp_reader *reader, const char *why, char got) {
    lua_pushnil(L);
    lua_setiuservalue(L, 1, BYTES);
    reader->start = reader->size = reader->count = 0;
    reader->why = why;
    reader->got = got;
    return push_malformed(L, reader);
}

/* Takes the item that is known to be there: a finaliser that feeds the reader may have moved the bytes. */
static void take(lua_State *L, const char *bytes, size_t size, size_t *at, mp_resp_item *item) {
    if (mp_resp_take(bytes, size, at, item) != MP_RESP_DONE)
        luaL_error(L, "the reader was fed while it gave a value");
}

/* --- commands ------------------------------------------------------------------------------------------- */

/* Makes the table of an inline command's words, from 0 on. -> whether its quotes are right */
static bool set_words(lua_State *L, resp_reader *reader, const char *line, size_t size) {
    enum mp_resp_outcome outcome;
    size_t at = 0, length;
    char *word = lua_newuserdatauv(L, size + 1, 0);
    lua_newtable(L);
    reader->count = 0;
    while ((outcome = mp_resp_word(line, size, &at, word, &length)) == MP_RESP_DONE) {
        lua_pushlstring(L, word, length);
        lua_rawseti(L, -2, reader->count++);
    }
    lua_setiuservalue(L, 1, WORDS);
    lua_pop(L, 1);
    return outcome == MP_RESP_MORE;
}

static int push_words(lua_State *L, const resp_reader *reader) {
    lua_getiuservalue(L, 1, WORDS);
    lua_rawgeti(L, -1, 0);
    lua_pushinteger(L, (lua_Integer)reader->count - 1);
    uint32_t given = reader->count - 1 < GIVEN ? reader->count - 1 : GIVEN;
    for (uint32_t i = 1; i <= given; i++)
        lua_rawgeti(L, 3, i);
    return 2 + (int)given;
}

static int push_array(lua_State *L, const resp_reader *reader, const char *bytes) {
    size_t at = reader->last + reader->first, size = reader->start;
    uint32_t count = reader->count;
    mp_resp_item item;
    take(L, bytes, size, &at, &item);
    lua_pushlstring(L, item.text, item.length);
    lua_pushinteger(L, (lua_Integer)count - 1);
    uint32_t given = count - 1 < GIVEN ? count - 1 : GIVEN;
    for (uint32_t i = 0; i < given; i++) {
        take(L, bytes, size, &at, &item);
        lua_pushlstring(L, item.text, item.length);
    }
    return 2 + (int)given;
}

/* reader:next() -> name, number of arguments, the first three of them | nil: there is no whole command
   | nil, what is malformed */
static int next_command(lua_State *L) {
    resp_reader *reader = check_reader(L);
    lua_settop(L, 1);
    if (reader->why)
        return push_malformed(L, reader);
    const char *bytes = push_bytes(L, reader);
    while (reader->start < reader->size) {
        mp_resp_command *command = &reader->command;
        enum mp_resp_outcome outcome = mp_resp_command_feed(command, &reader->limits, bytes + reader->start,
                                                            reader->size - reader->start);
        if (outcome == MP_RESP_MORE)
            break;
        if (outcome == MP_RESP_REFUSED)
            return refuse(L, reader, command->why, command->got);
        size_t length = command->at;
        bool is_array = command->is_array;
        reader->last = reader->start;
        reader->first = command->first;
        reader->count = command->count;
        reader->start += length;
        *command = (mp_resp_command){0};
        if (!is_array && mp_resp_is_blank(bytes + reader->last, length))
            continue;
        if (!is_array && !set_words(L, reader, bytes + reader->last, length))
            return refuse(L, reader, "unbalanced quotes in request", 0);
        if (reader->count > 0)
            return is_array ? push_array(L, reader, bytes) : push_words(L, reader);
    }
    reader->count = 0;
    return push_nothing(L, reader);
}

/* reader:arguments() -> a table of the arguments of the command that `next` gave last, its name at 0;
   until the next `feed` or `next` */
static int command_arguments(lua_State *L) {
    resp_reader *reader = check_reader(L);
    lua_settop(L, 1);
    if (reader->count == 0)
        return luaL_error(L, "there is no command");
    if (reader->first == 0) {
        lua_getiuservalue(L, 1, WORDS);
        return 1;
    }
    const char *bytes = push_bytes(L, reader);
    size_t at = reader->last + reader->first, size = reader->start;
    uint32_t count = reader->count;
    mp_resp_item item;
    lua_createtable(L, (int)count - 1, 1);
    for (uint32_t i = 0; i < count; i++) {
        take(L, bytes, size, &at, &item);
        lua_pushlstring(L, item.text, item.length);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* --- replies -------------------------------------------------------------------------------------------- */

static void push_value(lua_State *L, const char *bytes, size_t size, size_t *at, const mp_resp_item *item);

static void push_list(lua_State *L, const char *bytes, size_t size, size_t *at, int64_t count) {
    luaL_checkstack(L, 4, "too many arrays within arrays");
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 1; i <= count; i++) {
        mp_resp_item item;
        take(L, bytes, size, at, &item);
        push_value(L, bytes, size, at, &item);
        lua_rawseti(L, -2, i);
    }
}

/* A value within an array, where null is false and an error a table. `at` is behind its item. */
static void push_value(lua_State *L, const char *bytes, size_t size, size_t *at, const mp_resp_item *item) {
    switch (item->type) {
    case ':': lua_pushinteger(L, (lua_Integer)item->number); return;
    case '-':
        lua_createtable(L, 0, 1);
        lua_pushlstring(L, item->text, item->length);
        lua_setfield(L, -2, "error");
        return;
    case '*':
        if (item->number >= 0)
            push_list(L, bytes, size, at, item->number);
        else
            lua_pushboolean(L, 0);
        return;
    default:
        if (item->type == '$' && item->number < 0)
            lua_pushboolean(L, 0);
        else
            lua_pushlstring(L, item->text, item->length);
        return;
    }
}

static int push_reply(lua_State *L, const char *bytes, size_t at, size_t size) {
    mp_resp_item item;
    take(L, bytes, size, &at, &item);
    lua_pushboolean(L, item.type != '-');
    if (item.type == '-')
        lua_pushlstring(L, item.text, item.length);
    else if ((item.type == '$' || item.type == '*') && item.number < 0)
        lua_pushnil(L);
    else
        push_value(L, bytes, size, &at, &item);
    return 2;
}

/* reader:next() -> true, value | false, message: an error | nil: there is no whole reply | nil, what is
   malformed */
static int next_reply(lua_State *L) {
    resp_reader *reader = check_reader(L);
    lua_settop(L, 1);
    if (reader->why)
        return push_malformed(L, reader);
    if (reader->start == reader->size)
        return push_nothing(L, reader);
    const char *bytes = push_bytes(L, reader);
    mp_resp_reply *reply = &reader->reply;
    size_t start = reader->start;
    switch (mp_resp_reply_feed(reply, &reader->limits, bytes + start, reader->size - start)) {
    case MP_RESP_MORE: return push_nothing(L, reader);
    case MP_RESP_REFUSED: return refuse(L, reader, reply->why, 0);
    default: break;
    }
    reader->start += reply->at;
    *reply = (mp_resp_reply){0};
    return push_reply(L, bytes, start, reader->start);
}

/* --- making readers ------------------------------------------------------------------------------------- */

static resp_reader *push_reader(lua_State *L) {
    resp_reader *reader = lua_newuserdatauv(L, sizeof *reader, 2);
    *reader = (resp_reader){.in_string = true};
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    return reader;
}

/* resp.commands([options]) -> a reader of what clients send */
static int new_commands(lua_State *L) {
    mp_resp_limits limits = binding_command_limits(L);
    push_reader(L)->limits = limits;
    return 1;
}

/* reader:setBounds([options]): those of `commands`, for what `next` has not begun to read */
static int set_bounds(lua_State *L) {
    resp_reader *reader = check_reader(L);
    lua_settop(L, 2);
    lua_insert(L, 1);
    reader->limits = binding_command_limits(L);
    return 0;
}

/* resp.replies([options]) -> a reader of what servers send */
static int new_replies(lua_State *L) {
    mp_resp_limits limits = binding_reply_limits(L);
    push_reader(L)->limits = limits;
    return 1;
}

/* Adds a function that makes readers with these methods to the module on top. */
static void add_readers(lua_State *L, const char *name, lua_CFunction make, const luaL_Reg *methods) {
    lua_newtable(L);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_newtable(L);
    for (; methods->name; methods++) {
        lua_pushvalue(L, -2);
        lua_pushcclosure(L, methods->func, 1);
        lua_setfield(L, -2, methods->name);
    }
    lua_setfield(L, -2, "__index");
    lua_pushcclosure(L, make, 1);
    lua_setfield(L, -2, name);
}

int luaopen_moonport_resp(lua_State *L) {
    static const luaL_Reg command_methods[] = {{"feed", reader_feed},
                                               {"next", next_command},
                                               {"arguments", command_arguments},
                                               {"setBounds", set_bounds},
                                               {NULL, NULL}};
    static const luaL_Reg reply_methods[] = {{"feed", reader_feed}, {"next", next_reply}, {NULL, NULL}};
    lua_newtable(L);
    add_readers(L, "commands", new_commands, command_methods);
    add_readers(L, "replies", new_replies, reply_methods);
    binding_open_resp_text(L);
    return 1;
}
