/*
 * Visitors; see visitor.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/visitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "system/system.h"

#define BEHIND 65536 /* bytes unsent, from which on answers wait */

static void on_slice(mp_soon *slice);

static void go_on(program_visitor *visitor) {
    mp_soon_start(&visitor->slice, visitor->state->loop, on_slice);
}

/* --- output --------------------------------------------------------------------------------------------- */

static void on_room(mp_readable *output) {
    program_visitor *visitor = MP_CONTAINER(output, program_visitor, output);
    mp_readable_stop(output);
    visitor->full = false;
    if (output->deaf)
        program_end_visit(visitor);
    else
        go_on(visitor);
}

/* False: nobody reads any more. */
static bool send_some(program_visitor *visitor) {
    program_json *out = &visitor->out;
    if (out->failed)
        return false;
    if (out->size == 0 || visitor->full)
        return true;
    ssize_t n = mp_system_send(visitor->fd, out->data, out->size, false);
    if (n < 0 && n != -EAGAIN)
        return false;
    program_json_drop(out, n > 0 ? (size_t)n : 0);
    if (out->size > 0 && mp_reserve_is_whole()) {
        visitor->full = true;
        mp_writable_start(&visitor->output, visitor->state->loop, visitor->fd, on_room);
    }
    return out->size == 0 || visitor->full;
}

bool program_is_behind(const program_visitor *visitor) {
    return visitor->out.size >= BEHIND;
}

static void on_pause_over(mp_delay *pause) {
    program_visitor *visitor = MP_CONTAINER(pause, program_visitor, pause);
    visitor->pauses = false;
    go_on(visitor);
}

void program_pause(program_visitor *visitor, double msec) {
    visitor->pauses = true;
    mp_delay_start(&visitor->pause, visitor->state->loop, msec, on_pause_over);
}

void program_send_soon(program_visitor *visitor) {
    go_on(visitor);
}

static void drop_notes(program_visitor *visitor) {
    if (visitor->notes && visitor->end_notes)
        visitor->end_notes(visitor->notes);
    free(visitor->notes);
    visitor->notes = NULL;
    visitor->end_notes = NULL;
}

void program_end_answer(program_visitor *visitor, const char *error) {
    program_json_open(&visitor->out, NULL);
    if (error)
        program_json_string(&visitor->out, "error", error);
    else
        program_json_bool(&visitor->out, "done", true);
    program_json_end(&visitor->out);
    visitor->command = NULL;
    drop_notes(visitor);
}

/* --- commands ------------------------------------------------------------------------------------------- */

static const program_command *find(const program_visitor *visitor, const char *name) {
    for (const program_command *const *it = visitor->commands; *it; it++)
        if (strcmp((*it)->name, name) == 0)
            return *it;
    return NULL;
}

/* Splits the line into words; returns their number, PROGRAM_WORDS + 1 for too many. */
static unsigned split(program_visitor *visitor, char *line) {
    unsigned count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (count == PROGRAM_WORDS)
            return PROGRAM_WORDS + 1;
        visitor->words[count++] = word;
    }
    return count;
}

/* Drops the command that was answered. */
static void drop_used(program_visitor *visitor) {
    visitor->in_size -= visitor->used;
    memmove(visitor->in, visitor->in + visitor->used, visitor->in_size);
    visitor->used = 0;
}

/* The size of the text behind the line at `line`, of this length; 0 where its command has none. */
static size_t text_size(const program_visitor *visitor, const char *line, size_t length) {
    for (const program_command *const *it = visitor->commands; *it; it++) {
        size_t name = strlen((*it)->name);
        const char *last = memrchr(line, ' ', length);
        if ((*it)->has_text && last && length > name && memcmp(line, (*it)->name, name) == 0 &&
            line[name] == ' ')
            return strtoul(last + 1, NULL, 10);
    }
    return 0;
}

/* Begins to answer the next command, if all of it is there. */
static void begin_next(program_visitor *visitor) {
    char *line = visitor->in, *end = memchr(line, '\n', visitor->in_size);
    size_t length = end ? (size_t)(end - line) : visitor->in_size;
    size_t text = end ? text_size(visitor, line, length) : 0;
    if (length >= PROGRAM_COMMAND || text >= PROGRAM_COMMAND - length - 1) {
        program_end_answer(visitor, "too long");
        visitor->ended = true;
        visitor->in_size = 0;
        return;
    }
    if (!end || visitor->in_size - length - 1 < text)
        return;
    *end = '\0';
    visitor->used = length + 1 + text;
    visitor->text = end + 1;
    visitor->text_size = text;
    unsigned count = split(visitor, line);
    const program_command *command = count > 0 ? find(visitor, line + strspn(line, " ")) : NULL;
    if (!command || count != command->words + 1) {
        program_end_answer(visitor, !command ? "there is no such command" : "wrong number of words");
    } else {
        visitor->command = command;
        visitor->next = 0;
        command->begin(visitor);
    }
}

/* --- turns ---------------------------------------------------------------------------------------------- */

static void on_input(mp_readable *input) {
    program_visitor *visitor = MP_CONTAINER(input, program_visitor, input);
    size_t room = PROGRAM_COMMAND - visitor->in_size;
    ssize_t n = input->deaf ? -ENOMEM
                            : mp_system_receive(visitor->fd, visitor->in + visitor->in_size, room, false);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        mp_readable_stop(input);
        visitor->ended = true;
    } else {
        visitor->in_size += (size_t)n;
        if (visitor->in_size == PROGRAM_COMMAND)
            mp_readable_stop(input); /* until a command was answered */
    }
    if (n < 0)
        program_end_visit(visitor);
    else
        go_on(visitor);
}

static void on_slice(mp_soon *slice) {
    program_visitor *visitor = MP_CONTAINER(slice, program_visitor, slice);
    bool was_full = visitor->in_size == PROGRAM_COMMAND;
    if (visitor->command && visitor->command->more && !visitor->pauses && !program_is_behind(visitor))
        (void)visitor->command->more(visitor);
    if (!visitor->command && visitor->used > 0)
        drop_used(visitor);
    if (!visitor->command && visitor->in_size > 0 && !program_is_behind(visitor))
        begin_next(visitor);
    if (was_full && visitor->in_size < PROGRAM_COMMAND && !visitor->ended)
        mp_readable_start(&visitor->input, visitor->state->loop, visitor->fd, on_input);
    bool waits = !visitor->command && visitor->used == 0 && !memchr(visitor->in, '\n', visitor->in_size);
    if (!send_some(visitor) || (visitor->ended && waits && visitor->out.size == 0)) {
        program_end_visit(visitor);
        return;
    }
    bool busy = visitor->command ? visitor->command->more && !visitor->pauses : !waits;
    if (busy && !program_is_behind(visitor))
        go_on(visitor);
}

void program_begin_visit(program_visitor *visitor, binding_state *state, int fd,
                         const program_command *const *commands) {
    *visitor = (program_visitor){.state = state, .fd = fd, .commands = commands};
    visitor->in = malloc(PROGRAM_COMMAND);
    if (!visitor->in) {
        mp_descriptor_close(mp_network_of(state->loop), fd);
        visitor->state = NULL;
        return;
    }
    mp_descriptor_own(mp_network_of(state->loop), fd); /* no script can take it */
    mp_readable_start(&visitor->input, state->loop, fd, on_input);
}

void program_end_visit(program_visitor *visitor) {
    if (!visitor->state)
        return;
    drop_notes(visitor);
    if (visitor->release)
        visitor->release(visitor);
    mp_readable_stop(&visitor->input);
    mp_readable_stop(&visitor->output);
    mp_soon_stop(&visitor->slice);
    mp_delay_stop(&visitor->pause, visitor->state->loop);
    mp_descriptor_close(mp_network_of(visitor->state->loop), visitor->fd);
    free(visitor->in);
    program_json_free(&visitor->out);
    *visitor = (program_visitor){0};
}
