/*
 * memory: what the memory consists of: by kind, the largest tables by path, and older generations that
 * something still holds.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "object/generation.h"
#include "operate/commands.h"
#include "operate/reach.h"
#include "operate/slice.h"
#include "system/usage.h"

#define SHOWN 20 /* tables */

typedef struct notes {
    program_reach *reach; /* NULL: the connections are still counted */
    uint64_t connections, unread, unsent, objects;
} notes;

static void end_notes(void *found) {
    const notes *self = found;
    if (self->reach)
        program_end_reach(self->reach);
}

static void begin(program_visitor *visitor) {
    visitor->next = 1;
    visitor->notes = calloc(1, sizeof(notes));
    visitor->end_notes = end_notes;
    if (!visitor->notes)
        program_end_answer(visitor, "out of memory");
}

static void look(program_visitor *visitor, program_found found) {
    notes *self = visitor->notes;
    const mp_stream *stream = program_connection(found);
    self->objects += found.object != NULL;
    if (!stream)
        return;
    self->connections++;
    self->unread += stream->in ? (uint64_t)(stream->in->end - stream->in->start) : 0;
    self->unsent += stream->out.bytes;
}

static void add_totals(program_visitor *visitor) {
    const notes *self = visitor->notes;
    program_json *out = &visitor->out;
    lua_State *L = visitor->state->L;
    mp_usage usage;
    mp_system_usage(&usage);
    program_json_open(out, NULL);
    program_json_integer(out, "resident", usage.resident);
    program_json_integer(out, "lua", (int64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + lua_gc(L, LUA_GCCOUNTB, 0));
    program_json_integer(out, "connections", (int64_t)self->connections);
    program_json_integer(out, "unread", (int64_t)self->unread);
    program_json_integer(out, "unsent", (int64_t)self->unsent);
    program_json_integer(out, "objects", (int64_t)self->objects);
    program_json_end(out);
}

static void add_tables(program_visitor *visitor) {
    const notes *self = visitor->notes;
    program_json *out = &visitor->out;
    const program_paths *paths = program_reached(self->reach);
    const program_path *last = NULL;
    for (int shown = 0; shown < SHOWN; shown++) {
        const program_path *most = NULL; /* the largest behind the last; of equal ones the first */
        for (const program_path *it = paths->places; it < paths->places + PROGRAM_PATHS; it++)
            if (it->tables > 0 &&
                (!last || it->bytes < last->bytes || (it->bytes == last->bytes && it > last)) &&
                (!most || it->bytes > most->bytes))
                most = it;
        if (!most)
            break;
        char text[512];
        program_json_open(out, NULL);
        program_json_string(out, "path", program_path_text(paths, most, text, sizeof text));
        program_json_integer(out, "tables", (int64_t)most->tables);
        program_json_integer(out, "entries", (int64_t)most->entries);
        program_json_integer(out, "bytes", (int64_t)most->bytes);
        program_json_end(out);
        last = most;
    }
    if (program_reach_is_cut(self->reach)) {
        program_json_open(out, NULL);
        program_json_bool(out, "cut", true);
        program_json_end(out);
    }
}

static void add_older(program_visitor *visitor) {
    program_json *out = &visitor->out;
    for (const binding_generation *it = visitor->state->generations.first; it; it = it->next) {
        if (!binding_is_older(it) || it->sockets + it->handlers == 0)
            continue;
        program_json_open(out, NULL);
        program_json_integer(out, "generation", it->number);
        program_json_integer(out, "connections", it->sockets);
        program_json_integer(out, "handlers", it->handlers);
        program_json_string(out, "source", it->holder);
        program_json_end(out);
    }
}

static bool more(program_visitor *visitor) {
    notes *self = visitor->notes;
    if (!self->reach) {
        enum program_sliced sliced = program_do_slice(visitor, look);
        if (sliced == PROGRAM_SLICE_MORE)
            return true;
        if (sliced == PROGRAM_SLICE_FAILED) /* which has ended the answer */
            return false;
        self->reach = program_begin_reach(visitor->state);
        if (self->reach)
            return true;
        program_end_answer(visitor, "out of memory");
        return false;
    }
    if (program_go_on_reaching(self->reach))
        return true;
    add_totals(visitor);
    add_tables(visitor);
    add_older(visitor);
    program_end_answer(visitor, NULL);
    return false;
}

const program_command program_memory_command = {.name = "memory", .begin = begin, .more = more};
