/*
 * trace: the bytes of a connection as they come and go, until it or the visitor ends. What the visitor
 * doesn't read in time is left out, and counted.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/trace.h"
#include "operate/commands.h"
#include "operate/slice.h"

#define PIECE 2048 /* bytes of an object */
#define LOOK 100.0 /* milliseconds between two looks whether the visitor is there */

typedef struct tracing {
    mp_trace trace;
    program_visitor *visitor;
    bool over;
    uint64_t lost; /* bytes that are left out */
} tracing;

static bool is_text(const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bool blank = data[i] == '\n' || data[i] == '\r' || data[i] == '\t';
        if (!blank && (data[i] < ' ' || data[i] > '~'))
            return false;
    }
    return true;
}

/* A piece, as text where it is ASCII, else as hexadecimal digits. */
static void add_piece(program_visitor *visitor, bool sent, const char *data, size_t size) {
    program_json *out = &visitor->out;
    char digits[2 * PIECE + 1];
    program_json_open(out, NULL);
    program_json_number(out, "time", mp_loop_turn_date(visitor->state->loop) / 1e3);
    program_json_string(out, "way", sent ? "sent" : "received");
    if (is_text(data, size)) {
        program_json_bytes(out, "text", data, size);
    } else {
        for (size_t i = 0; i < size; i++)
            snprintf(digits + 2 * i, 3, "%02x", (unsigned char)data[i]);
        program_json_bytes(out, "hex", digits, 2 * size);
    }
    program_json_end(out);
}

static void moved(mp_trace *trace, bool sent, const char *data, size_t size) {
    tracing *self = MP_CONTAINER(trace, tracing, trace);
    program_visitor *visitor = self->visitor;
    while (size > 0 && !program_is_behind(visitor)) {
        if (self->lost > 0) {
            program_json_open(&visitor->out, NULL);
            program_json_integer(&visitor->out, "lost", (int64_t)self->lost);
            program_json_end(&visitor->out);
            self->lost = 0;
        }
        size_t piece = size < PIECE ? size : PIECE;
        add_piece(visitor, sent, data, piece);
        data += piece;
        size -= piece;
    }
    self->lost += size;
    program_send_soon(visitor);
}

static void ended(mp_trace *trace) {
    tracing *self = MP_CONTAINER(trace, tracing, trace);
    self->over = true; /* the next look tells it */
}

static void end_notes(void *notes) {
    tracing *self = notes;
    mp_trace_stop(&self->trace);
}

static void look(program_visitor *visitor, program_found found) {
    mp_stream *stream = program_wanted_connection(visitor, found);
    if (!stream)
        return;
    visitor->next = program_places(visitor->state); /* it is the last that is looked at */
    tracing *self = calloc(1, sizeof *self);
    const char *why = self ? NULL : "out of memory";
    if (self) {
        self->visitor = visitor;
        self->trace.moved = moved;
        self->trace.ended = ended;
        why = mp_trace_start(&self->trace, stream);
    }
    if (why) {
        free(self);
        program_end_answer(visitor, why);
        return;
    }
    visitor->notes = self;
    visitor->end_notes = end_notes;
    program_json_open(&visitor->out, NULL);
    program_json_integer(&visitor->out, "tracing", mp_stream_number(stream));
    program_json_end(&visitor->out);
}

static bool more(program_visitor *visitor) {
    tracing *self = visitor->notes;
    if (!self) {
        enum program_sliced sliced = program_do_slice(visitor, look);
        if (!visitor->command) /* it can't be traced, or something failed: that is said */
            return false;
        if (sliced == PROGRAM_SLICE_LAST && !visitor->notes)
            program_end_answer(visitor, "there is no such connection");
        return visitor->command != NULL;
    }
    if (!self->over && !visitor->ended) {
        program_pause(visitor, LOOK);
        return true;
    }
    program_end_answer(visitor, NULL);
    return false;
}

const program_command program_trace_command = {
    .name = "trace", .words = 1, .begin = program_want_connection, .more = more};
