/*
 * Stacks; see stacks.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/stacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/hash.h"

#define DEEPEST 64   /* functions of a stack that are shown: the innermost */
#define LONGEST 4096 /* bytes of its text */
#define FRAME 128    /* bytes of a function's */

bool program_open_stacks(program_stacks *self) {
    *self = (program_stacks){.places = calloc(PROGRAM_STACKS, sizeof(program_stack))};
    return self->places != NULL;
}

void program_free_stacks(program_stacks *self) {
    for (unsigned i = 0; self->places && i < PROGRAM_STACKS; i++)
        free(self->places[i].text);
    free(self->places);
    *self = (program_stacks){0};
}

static program_stack *place_of(const program_stacks *self, uint64_t hash) {
    uint64_t at = hash % PROGRAM_STACKS;
    while (self->places[at].count > 0 && self->places[at].hash != hash)
        at = (at + 1) % PROGRAM_STACKS;
    return &self->places[at];
}

void program_add_stack_text(program_stacks *self, const char *text, unsigned count) {
    uint64_t hash = mp_hash_text(MP_HASH_START, text, strlen(text));
    program_stack *place = place_of(self, hash);
    if (count == 0)
        return;
    if (place->count == 0) {
        char *copy = self->used < PROGRAM_STACKS / 4 * 3 ? strdup(text) : NULL;
        if (!copy) {
            self->others += count;
            return;
        }
        self->used++;
        *place = (program_stack){.hash = hash, .text = copy};
    }
    place->count += count;
}

/* One function. What separates functions, and their number behind the last, can't be in it. */
static void describe(lua_State *L, lua_Debug *frame, const char *root, char *text) {
    lua_getinfo(L, "Sln", frame);
    const char *name = frame->name ? frame->name : root;
    if (frame->currentline >= 0)
        snprintf(text, FRAME, "%s:%d%s%s", frame->short_src, frame->currentline, name ? " " : "",
                 name ? name : "");
    else
        snprintf(text, FRAME, "[C] %s", name ? name : "?");
    for (char *at = text; *at; at++)
        if (*at == ';' || (unsigned char)*at < ' ')
            *at = '?';
}

/* True for the outermost function; one in C at the very bottom, which calls handlers, doesn't count. */
static bool is_last(lua_State *L, int level) {
    lua_Debug below;
    if (!lua_getstack(L, level + 1, &below))
        return true;
    lua_getinfo(L, "S", &below);
    return *below.what == 'C' && !lua_getstack(L, level + 2, &below);
}

void program_add_stack(program_stacks *self, lua_State *L, const char *root, unsigned count) {
    char text[LONGEST] = "", frame_text[FRAME];
    size_t at = sizeof text - 1;
    bool last = false;
    lua_Debug frame;
    text[at] = '\0';
    for (int level = 0; !last && level < DEEPEST && lua_getstack(L, level, &frame); level++) {
        last = is_last(L, level);
        describe(L, &frame, last ? root : NULL, frame_text);
        size_t size = strlen(frame_text), separator = level > 0;
        if (size + separator > at)
            break;
        if (separator)
            text[--at] = ';';
        at -= size;
        memcpy(text + at, frame_text, size);
    }
    program_add_stack_text(self, text + at, count);
}
