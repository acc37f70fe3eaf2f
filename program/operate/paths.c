/*
 * Paths; see paths.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/hash.h"

#define LONGEST 8 /* parts; what is below has the same path */

unsigned program_path_of(program_paths *self, unsigned parent, const char *name) {
    const program_path *above = &self->places[parent];
    if (above->name && above->depth >= LONGEST)
        return parent;
    uint64_t hash = mp_hash_text(MP_HASH_START + parent, name, strlen(name));
    unsigned at = (unsigned)(hash % (PROGRAM_PATHS - 1)) + 1;
    while (self->places[at].name &&
           (self->places[at].parent != parent || strcmp(self->places[at].name, name) != 0))
        at = at % (PROGRAM_PATHS - 1) + 1;
    if (self->places[at].name)
        return at;
    char *copy = self->used < PROGRAM_PATHS / 2 ? strdup(name) : NULL;
    if (!copy)
        return parent;
    self->used++;
    self->places[at] = (program_path){.parent = parent, .depth = parent ? above->depth + 1 : 1, .name = copy};
    return at;
}

const char *program_path_text(const program_paths *self, const program_path *path, char *text, size_t size) {
    const char *parts[LONGEST + 1];
    unsigned count = 0;
    size_t at = 0;
    while (path->name && count <= LONGEST) {
        parts[count++] = path->name;
        path = &self->places[path->parent];
    }
    *text = '\0';
    while (count > 0 && at < size)
        at += (size_t)snprintf(text + at, size - at, "%s", parts[--count]);
    return text;
}

void program_free_paths(program_paths *self) {
    for (unsigned i = 0; i < PROGRAM_PATHS; i++)
        free(self->places[i].name);
}
