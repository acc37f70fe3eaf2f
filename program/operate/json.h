/*
 * Text in JSON, written piece by piece into memory that grows. Each object is one line, whatever bytes its
 * strings have: what isn't UTF-8 becomes U+FFFD. After a lack of memory nothing is added; `failed` says so.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_JSON_H
#define PROGRAM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct program_json {
    char *data;
    size_t size, room;
    bool failed;
    bool follows; /* a comma is due before the next member */
} program_json;

/* '{', after a name if `name` isn't NULL; and its '}', and a line end if it is the outermost. */
void program_json_open(program_json *json, const char *name);
void program_json_close(program_json *json);
void program_json_end(program_json *json);

/* Members. A name is plain ASCII. */
void program_json_string(program_json *json, const char *name, const char *text);
void program_json_bytes(program_json *json, const char *name, const char *text, size_t size);
void program_json_integer(program_json *json, const char *name, int64_t value);
void program_json_number(program_json *json, const char *name, double value); /* with three decimals */
void program_json_bool(program_json *json, const char *name, bool value);

/* Drops the first bytes. */
void program_json_drop(program_json *json, size_t size);
void program_json_free(program_json *json);

#endif
