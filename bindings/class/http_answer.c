/*
 * The heads that moonport.http sends: of responses, and of its own requests. Nothing of the caller's can
 * begin a field, a body or a message of its own: names are tokens, and values have no line ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "class/http_head.h"
#include "data/http_text.h"

/* Upvalues: where heads are put together, and the last date. */
enum { SCRATCH = 1, DATE };

#define DATE_SIZE 29 /* Sun, 06 Nov 1994 08:49:37 GMT */

typedef struct last_date {
    time_t time;
    char text[64];
} last_date;

/* A head that is being put together. */
typedef struct head_writer {
    lua_State *L;
    char *data; /* the userdata SCRATCH */
    size_t size, capacity;
    lua_Integer length; /* of the body; -1: not said, -2: chunked */
    bool closes, dated, bodiless, has_length;
} head_writer;

enum { UNSAID = -1, CHUNKED = -2 };

static void make_room(head_writer *writer, size_t size) {
    size_t capacity = 2 * (writer->size + size);
    char *larger = lua_newuserdatauv(writer->L, capacity, 0);
    memcpy(larger, writer->data, writer->size);
    lua_replace(writer->L, lua_upvalueindex(SCRATCH));
    writer->data = larger;
    writer->capacity = capacity;
}

static inline void add(head_writer *writer, const char *text, size_t size) {
    if (size > writer->capacity - writer->size)
        make_room(writer, size);
    memcpy(writer->data + writer->size, text, size);
    writer->size += size;
}

#define ADD(writer, literal) add(writer, "" literal, sizeof literal - 1)

static void add_number(head_writer *writer, lua_Integer number) {
    char digits[24];
    char *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(writer, at, (size_t)(digits + sizeof digits - at));
}

static void format_date(time_t time, char *text, size_t size) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    if (!gmtime_r(&time, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900)
        memset(&tm, 0, sizeof tm);
    (void)snprintf(text, size, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
                   months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* head.date(time) -> a time of os.time as HTTP writes it */
static int head_date(lua_State *L) {
    char text[64];
    format_date((time_t)luaL_checkinteger(L, 1), text, sizeof text);
    lua_pushstring(L, text);
    return 1;
}

/* The date is formatted once a second. */
static void add_date(head_writer *writer) {
    last_date *date = lua_touserdata(writer->L, lua_upvalueindex(DATE));
    time_t now = time(NULL);
    if (now != date->time) {
        format_date(now, date->text, sizeof date->text);
        date->time = now;
    }
    ADD(writer, "Date: ");
    add(writer, date->text, DATE_SIZE);
    ADD(writer, "\r\n");
}

static bool is_name(const char *name, size_t size, const char *word) {
    return size == strlen(word) && strncasecmp(name, word, size) == 0;
}

/* Whether one of the words between commas is "close". */
static bool closes(const char *list) {
    while (*list) {
        list += strspn(list, " \t,");
        size_t size = strcspn(list, " \t,");
        if (is_name(list, size, "close"))
            return true;
        list += size;
    }
    return false;
}

/* Fields that are the server's business. True: it writes them, or nobody. */
static bool take_over(head_writer *writer, const char *name, size_t size, const char *value) {
    if (is_name(name, size, "content-length")) {
        char *end;
        long long length = strtoll(value, &end, 10);
        if (*value < '0' || *value > '9' || *end != '\0')
            luaL_error(writer->L, "Content-Length is no number: %s", value);
        if (writer->length >= 0 && length != writer->length)
            luaL_error(writer->L, "Content-Length is %s, and the body has %I bytes", value, writer->length);
        if (writer->length == CHUNKED)
            luaL_error(writer->L, "Content-Length, and a body of unknown length");
        if (writer->has_length)
            luaL_error(writer->L, "Content-Length twice");
        writer->has_length = true;
        return writer->length >= 0 || writer->bodiless;
    }
    if (is_name(name, size, "transfer-encoding"))
        luaL_error(writer->L, "Transfer-Encoding is for the server to choose");
    if (is_name(name, size, "connection") && closes(value)) {
        writer->closes = true;
        return true;
    }
    writer->dated = writer->dated || is_name(name, size, "date");
    return false;
}

/* The field with the value on top, a string or number, which it pops. */
static void add_field(head_writer *writer, const char *name, size_t size) {
    lua_State *L = writer->L;
    size_t length;
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_error(L, "header field %s is a %s value", name, lua_typename(L, type));
    const char *value = lua_tolstring(L, -1, &length); /* converts a copy */
    if (!mp_http_is_value(value, length))
        luaL_error(L, "line end or control character in header field %s", name);
    static const char tails[] = "cdtCDT"; /* how the fields of take_over begin */
    bool special = size > 0 && memchr(tails, name[0], sizeof tails - 1) &&
                   take_over(writer, name, size, value);
    if (!special) {
        add(writer, name, size);
        ADD(writer, ": ");
        add(writer, value, length);
        ADD(writer, "\r\n");
    }
    lua_pop(L, 1);
}

/* The field with key and value on top, which stay. */
static void add_fields_of(head_writer *writer) {
    lua_State *L = writer->L;
    size_t size;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "the name of a header field is a %s value", luaL_typename(L, -2));
    const char *name = lua_tolstring(L, -2, &size);
    if (!mp_http_is_token(name, size))
        luaL_error(L, "bad name of a header field");
    if (lua_type(L, -1) != LUA_TTABLE) {
        lua_pushvalue(L, -1);
        add_field(writer, name, size);
        return;
    }
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        add_field(writer, name, size);
    }
}

static void add_fields(head_writer *writer, int index) {
    lua_State *L = writer->L;
    if (lua_isnoneornil(L, index))
        return;
    luaL_argexpected(L, lua_type(L, index) == LUA_TTABLE, index, "table");
    lua_pushnil(L);
    while (lua_next(L, index)) {
        add_fields_of(writer);
        lua_pop(L, 1);
    }
}

static void begin(head_writer *writer, lua_State *L) {
    memset(writer, 0, sizeof *writer);
    writer->L = L;
    writer->data = lua_touserdata(L, lua_upvalueindex(SCRATCH));
    writer->capacity = lua_rawlen(L, lua_upvalueindex(SCRATCH));
}

static void add_status(head_writer *writer, int status) {
    if (status == 200) {
        ADD(writer, "HTTP/1.1 200 OK\r\n");
        return;
    }
    const char *reason = mp_http_reason(status);
    ADD(writer, "HTTP/1.1 ");
    add_number(writer, status);
    ADD(writer, " ");
    reason = reason ? reason : "Status";
    add(writer, reason, strlen(reason));
    ADD(writer, "\r\n");
}

static void add_framing(head_writer *writer) {
    if (writer->length == CHUNKED)
        ADD(writer, "Transfer-Encoding: chunked\r\n");
    if (writer->length >= 0) {
        ADD(writer, "Content-Length: ");
        add_number(writer, writer->length);
        ADD(writer, "\r\n");
    }
}

/* From the argument at `index`: a number, true for chunked, nil or false for nothing. */
static void set_length(head_writer *writer, int index) {
    lua_State *L = writer->L;
    writer->length = lua_isinteger(L, index)   ? lua_tointeger(L, index)
                     : lua_toboolean(L, index) ? CHUNKED
                                               : UNSAID;
}

/*
 * head.response(status, headers, length, kept, minor[, body]) -> the head with the body behind it, whether
 * the connection is kept. length: of the body, true: it is chunked, nil: nothing is said
 */
static int head_response(lua_State *L) {
    head_writer writer;
    size_t size = 0;
    lua_settop(L, 6);
    int status = (int)luaL_checkinteger(L, 1);
    bool kept = lua_toboolean(L, 4);
    const char *body = lua_isnil(L, 6) ? NULL : luaL_checklstring(L, 6, &size);
    begin(&writer, L);
    set_length(&writer, 3);
    writer.bodiless = status == 204;
    add_status(&writer, status);
    add_fields(&writer, 2);
    if (!writer.dated)
        add_date(&writer);
    add_framing(&writer);
    kept = kept && !writer.closes;
    if (!kept)
        ADD(&writer, "Connection: close\r\n");
    else if (lua_tointeger(L, 5) == 0)
        ADD(&writer, "Connection: keep-alive\r\n");
    ADD(&writer, "\r\n");
    if (body)
        add(&writer, body, size);
    lua_pushlstring(L, writer.data, writer.size);
    lua_pushboolean(L, kept);
    return 2;
}

/* head.request(method, target, headers, length[, body]) -> the head with the body behind it */
static int head_request(lua_State *L) {
    head_writer writer;
    size_t method_size, target_size, size = 0;
    lua_settop(L, 5);
    const char *method = luaL_checklstring(L, 1, &method_size);
    const char *target = luaL_checklstring(L, 2, &target_size);
    const char *body = lua_isnil(L, 5) ? NULL : luaL_checklstring(L, 5, &size);
    luaL_argcheck(L, mp_http_is_token(method, method_size), 1, "bad method");
    for (size_t i = 0; i < target_size; i++)
        luaL_argcheck(L, target[i] > ' ' && target[i] < 127, 2, "bad target");
    luaL_argcheck(L, target_size > 0, 2, "bad target");
    begin(&writer, L);
    set_length(&writer, 4);
    add(&writer, method, method_size);
    ADD(&writer, " ");
    add(&writer, target, target_size);
    ADD(&writer, " HTTP/1.1\r\n");
    add_fields(&writer, 3);
    add_framing(&writer);
    if (writer.closes)
        ADD(&writer, "Connection: close\r\n");
    ADD(&writer, "\r\n");
    if (body)
        add(&writer, body, size);
    lua_pushlstring(L, writer.data, writer.size);
    return 1;
}

void binding_open_http_answer(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"response", head_response},
        {"request", head_request},
        {"date", head_date},
        {NULL, NULL},
    };
    for (const luaL_Reg *function = functions; function->name; function++) {
        (void)lua_newuserdatauv(L, 1024, 0);
        last_date *date = lua_newuserdatauv(L, sizeof *date, 0);
        memset(date, 0, sizeof *date);
        lua_pushcclosure(L, function->func, 2);
        lua_setfield(L, -2, function->name);
    }
}
