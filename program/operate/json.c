/*
 * Text in JSON; see json.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/escape.h"

#define FIRST_ROOM 4096
#define LONGEST_ESCAPE 6 /* bytes that one byte may become: \\u0000 */

/* Makes room for `size` more bytes; false: there is no memory. */
static bool make_room(program_json *json, size_t size) {
    size_t room = json->room > 0 ? json->room : FIRST_ROOM;
    while (room - json->size < size)
        room *= 2;
    char *data = json->failed || room == json->room ? json->data : realloc(json->data, room);
    if (json->failed || !data) {
        json->failed = true;
        return false;
    }
    json->data = data;
    json->room = room;
    return true;
}

static void add(program_json *json, const char *text, size_t size) {
    if (!make_room(json, size))
        return;
    memcpy(json->data + json->size, text, size);
    json->size += size;
}

static void add_quoted(program_json *json, const char *text, size_t size) {
    if (!make_room(json, LONGEST_ESCAPE * size + 2))
        return;
    json->data[json->size++] = '"';
    json->size += mp_escape_json(json->data + json->size, LONGEST_ESCAPE * size, text, size);
    json->data[json->size++] = '"';
}

static void add_name(program_json *json, const char *name) {
    if (json->follows)
        add(json, ",", 1);
    json->follows = true;
    if (!name)
        return;
    add(json, "\"", 1);
    add(json, name, strlen(name));
    add(json, "\":", 2);
}

void program_json_open(program_json *json, const char *name) {
    add_name(json, name);
    add(json, "{", 1);
    json->follows = false;
}

void program_json_close(program_json *json) {
    add(json, "}", 1);
    json->follows = true;
}

void program_json_end(program_json *json) {
    add(json, "}\n", 2);
    json->follows = false;
}

void program_json_bytes(program_json *json, const char *name, const char *text, size_t size) {
    add_name(json, name);
    add_quoted(json, text, size);
}

void program_json_string(program_json *json, const char *name, const char *text) {
    program_json_bytes(json, name, text, strlen(text));
}

void program_json_integer(program_json *json, const char *name, int64_t value) {
    char text[24];
    add_name(json, name);
    int size = snprintf(text, sizeof text, "%lld", (long long)value);
    add(json, text, (size_t)size);
}

void program_json_number(program_json *json, const char *name, double value) {
    char text[32];
    add_name(json, name);
    int size = snprintf(text, sizeof text, "%.3f", isfinite(value) && fabs(value) < 1e15 ? value : 0);
    add(json, text, (size_t)size);
}

void program_json_bool(program_json *json, const char *name, bool value) {
    add_name(json, name);
    add(json, value ? "true" : "false", value ? 4 : 5);
}

void program_json_drop(program_json *json, size_t size) {
    json->size -= size;
    memmove(json->data, json->data + size, json->size);
}

void program_json_free(program_json *json) {
    free(json->data);
    *json = (program_json){0};
}
