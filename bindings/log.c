/*
 * moonport.log. Its functions never raise because of their arguments, which are often foreign data: the line
 * says what was wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/escape.h"
#include "system/log.h"

/* --- the text ------------------------------------------------------------------------------------------- */

/* Pushes string.format. */
static void push_format(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "string");
    lua_getfield(L, -1, "format");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* value … -> the line: a single value as it is, several by string.format. A protected call. */
static int compose_line(lua_State *L) {
    if (lua_gettop(L) > 1) {
        push_format(L);
        lua_insert(L, 1);
        lua_call(L, lua_gettop(L) - 1, 1);
    }
    (void)luaL_tolstring(L, 1, NULL);
    return 1;
}

/* the error, value … -> a line with all of them. A protected call. */
static int compose_rest(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_where(L, 2); /* the caller of the function that has called this */
    luaL_addvalue(&buffer);
    for (int i = 1; i <= count; i++) {
        (void)luaL_tolstring(L, i, NULL);
        luaL_addvalue(&buffer);
        luaL_addstring(&buffer, i == 1 ? ":" : "");
        luaL_addstring(&buffer, i < count ? " " : "");
    }
    luaL_pushresult(&buffer);
    return 1;
}

/* Pushes the text of the first values, or what replaces it. */
static void push_text(lua_State *L, int count) {
    lua_pushcfunction(L, compose_line);
    for (int i = 1; i <= count; i++)
        lua_pushvalue(L, i);
    if (lua_pcall(L, count, 1, 0) == LUA_OK)
        return;
    lua_pushcfunction(L, compose_rest);
    lua_insert(L, -2);
    for (int i = 1; i <= count; i++)
        lua_pushvalue(L, i);
    if (lua_pcall(L, count + 1, 1, 0) != LUA_OK)
        lua_pushnil(L);
}

/* What push_text has left at the index. */
static const char *text_at(lua_State *L, int index, size_t *length) {
    static const char none[] = "log: a value can't be made into text";
    const char *text = lua_tolstring(L, index, length);
    if (!text)
        *length = sizeof none - 1;
    return text ? text : none;
}

/* --- names of fields ------------------------------------------------------------------------------------ */

enum { FIELDS = 64, NAME = 64 };

/* What keeps a field out. The first of these is told, and of its names the first. */
enum fault { TAKEN, NOT_UTF8, TOO_LONG, NO_STRING, TOO_MANY, NONE };

typedef struct field_list {
    int names; /* these lie on the stack from here, in order */
    int count;
    size_t others; /* that have no room */
    enum fault fault;
    const char *name; /* of the one that is told */
    size_t name_length;
    mp_log_field fields[FIELDS];
    char numbers[FIELDS][48];
} field_list;

static int compare(const char *a, size_t a_length, const char *b, size_t b_length) {
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static enum fault fault_of(const char *name, size_t length) {
    static const char *const taken[] = {"time", "level", "pid", "worker", "message"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (compare(name, length, taken[i], strlen(taken[i])) == 0)
            return TAKEN;
    return length > NAME ? TOO_LONG : mp_utf8_valid(name, length) ? NONE : NOT_UTF8;
}

static void note_fault(field_list *list, enum fault fault, const char *name, size_t length) {
    if (fault < list->fault ||
        (fault == list->fault && compare(name, length, list->name, list->name_length) < 0)) {
        list->fault = fault;
        list->name = name;
        list->name_length = length;
    }
}

/* Puts the name on top of the stack among the others. If there are too many, the last in their order is left
   out, so that the same fields make the same line. */
static void add_name(lua_State *L, field_list *list, const char *name, size_t length) {
    int from = 0, to = list->count;
    while (from < to) {
        int middle = (from + to) / 2;
        const mp_log_field *it = &list->fields[middle];
        if (compare(it->name, it->name_length, name, length) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    list->others += list->count == FIELDS;
    if (from == FIELDS)
        return;
    lua_pushvalue(L, -1);
    lua_insert(L, list->names + from);
    if (list->count == FIELDS)
        lua_remove(L, list->names + FIELDS);
    else
        list->count++;
    memmove(&list->fields[from + 1], &list->fields[from],
            (size_t)(list->count - from - 1) * sizeof *list->fields);
    list->fields[from] = (mp_log_field){.name = name, .name_length = length};
}

/* Collects the names. Allocates nothing: a finaliser could change the table. */
static void collect_names(lua_State *L, int table, field_list *list) {
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            const char *type = luaL_typename(L, -1);
            note_fault(list, NO_STRING, type, strlen(type));
            continue;
        }
        size_t length;
        const char *name = lua_tolstring(L, -1, &length);
        enum fault fault = fault_of(name, length);
        if (fault == NONE)
            add_name(L, list, name, length);
        else
            note_fault(list, fault, name, length);
    }
    if (list->others > 0)
        note_fault(list, TOO_MANY, "", 0);
}

/* Says which field is left out. */
static void describe(const field_list *list, char *out, size_t size) {
    int length = (int)(list->name_length <= NAME ? list->name_length : mp_utf8_whole(list->name, NAME));
    switch (list->fault) {
    case TAKEN:
        snprintf(out, size, "the field '%.*s' is left out: the log has its own", length, list->name);
        break;
    case NOT_UTF8:
        snprintf(out, size, "the field '%.*s' is left out: its name is no UTF-8", length, list->name);
        break;
    case TOO_LONG:
        snprintf(out, size, "the field '%.*s…' is left out: its name has more than %d bytes", length,
                 list->name, NAME);
        break;
    case NO_STRING: snprintf(out, size, "a field is left out: its name is a %s", list->name); break;
    case TOO_MANY:
        snprintf(out, size, "%zu fields are left out: there are more than %d", list->others, FIELDS);
        break;
    case NONE: *out = 0; break;
    }
}

/* --- their values --------------------------------------------------------------------------------------- */

/* value -> its text. A protected call. */
static int make_text(lua_State *L) {
    (void)luaL_tolstring(L, 1, NULL);
    return 1;
}

/* A number in JSON has a point, whatever the locale has. */
static void put_point(char *number) {
    char *out = number;
    for (const char *at = number; *at; at++) {
        bool own = strchr("0123456789+-e", *at) != NULL;
        if (own || out == number || out[-1] != '.')
            *out++ = own ? *at : '.';
    }
    *out = 0;
}

/* Writes the number at the top as tostring does. -> false: it is none for JSON */
static bool write_number(lua_State *L, char *out, size_t size) {
    if (lua_isinteger(L, -1)) {
        lua_integer2str(out, size, lua_tointeger(L, -1));
        return true;
    }
    lua_Number number = lua_tonumber(L, -1);
    if (!isfinite(number)) {
        snprintf(out, size, "%s", isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
        return false;
    }
    lua_number2str(out, size, number);
    put_point(out);
    size_t whole = strspn(out, "-0123456789");
    if (out[whole] == 0)
        snprintf(out + whole, size - whole, ".0");
    return true;
}

/* The value at the top becomes the field's. It stays on the stack if the field uses it. */
static void take_value(lua_State *L, mp_log_field *field, char *number, size_t size) {
    const char *text = NULL;
    int type = lua_type(L, -1);
    if (type == LUA_TNUMBER) {
        field->bare = write_number(L, number, size);
        text = number;
    } else if (type == LUA_TBOOLEAN) {
        field->bare = true;
        text = lua_toboolean(L, -1) ? "true" : "false";
    } else if (type != LUA_TSTRING) {
        lua_pushcfunction(L, make_text);
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK)
            text = "(error in __tostring)";
    }
    if (text) {
        lua_pop(L, 1);
        field->value = text;
        field->value_length = strlen(text);
    } else {
        field->value = lua_tolstring(L, -1, &field->value_length);
    }
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* note, text -> the place of the call, the note and the text. A protected call. */
static int compose_note(lua_State *L) {
    luaL_where(L, 2);
    lua_pushfstring(L, "%s: ", lua_touserdata(L, 1));
    lua_pushvalue(L, 2);
    lua_concat(L, 3);
    return 1;
}

/* Logs the text on top of the stack, with the fields of the table. */
static void log_with_fields(lua_State *L, enum mp_log_level threshold, enum mp_log_level level, int table) {
    char note[160];
    int text = lua_gettop(L);
    field_list list = {.names = text + 1, .fault = NONE};
    if (lua_checkstack(L, 2 * FIELDS + LUA_MINSTACK)) {
        collect_names(L, table, &list);
        describe(&list, note, sizeof note);
        for (int i = 0; i < list.count; i++) { /* a script's __tostring may change the table */
            lua_pushvalue(L, list.names + i);
            lua_rawget(L, table);
            take_value(L, &list.fields[i], list.numbers[i], sizeof list.numbers[i]);
        }
    }
    if (list.fault != NONE && lua_isstring(L, text)) {
        lua_pushcfunction(L, compose_note);
        lua_pushlightuserdata(L, note);
        lua_pushvalue(L, text);
        if (lua_pcall(L, 2, 1, 0) == LUA_OK)
            lua_replace(L, text);
    }
    size_t length;
    const char *line = text_at(L, text, &length);
    mp_log_fields(threshold, level, line, length, list.fields, (size_t)list.count);
}

/* How many arguments a format of string.format takes. */
static int conversions(const char *format, size_t length) {
    int count = 0;
    const char *end = format + length;
    while ((format = memchr(format, '%', (size_t)(end - format)))) {
        format++;
        format += strspn(format, "-+ #0123456789.");
        count += *format && strchr("aAcdeEfgGiopqsuxX", *format) != NULL;
        format += format < end;
    }
    return count;
}

/* The index of the table with the fields: behind the format and what that takes; or 0. */
static int find_fields(lua_State *L, int count) {
    int i = 2;
    while (i <= count && lua_type(L, i) != LUA_TTABLE)
        i++;
    if (i > count)
        return 0;
    size_t length;
    const char *format = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
    int at = 2 + (format ? conversions(format, length) : 0);
    return at <= count && lua_type(L, at) == LUA_TTABLE ? at : 0;
}

/*
 * moonport.log.info(format, ...[, fields]): as string.format; a lone argument may be any value. Upvalue 2:
 * the level. If something doesn't fit, the line says what, where, and has the values.
 */
static int log_line(lua_State *L) {
    binding_state *state = binding_state_of(L);
    enum mp_log_level level = (enum mp_log_level)lua_tointeger(L, lua_upvalueindex(2));
    size_t length;
    if (level < state->loop->log_level)
        return 0;
    if (lua_gettop(L) == 0)
        lua_pushliteral(L, "");
    int count = lua_gettop(L), fields = find_fields(L, count);
    if (fields)
        count = fields - 1;
    if (!lua_checkstack(L, count + LUA_MINSTACK)) {
        count = 1;
        lua_settop(L, count);
    }
    push_text(L, count);
    if (fields) {
        log_with_fields(L, state->loop->log_level, level, fields);
    } else {
        const char *text = text_at(L, -1, &length);
        mp_log_write(state->loop->log_level, level, text, length);
    }
    return 0;
}

void binding_push_log(lua_State *L, binding_state *state) {
    lua_createtable(L, 0, 4);
    for (int level = 0; level <= MP_LOG_ERROR; level++) {
        lua_pushlightuserdata(L, state);
        lua_pushinteger(L, level);
        lua_pushcclosure(L, log_line, 2);
        lua_setfield(L, -2, mp_log_level_name((enum mp_log_level)level));
    }
}
