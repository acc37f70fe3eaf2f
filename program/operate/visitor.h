/*
 * A visitor: one client of the control socket. It sends commands, each a line of words; "eval" and "complete"
 * are followed by as many bytes of Lua as their last word says. The answer to a command is lines of JSON, an
 * object each. The last one has the member "done" or "error".
 *
 * Answers come in slices, one a turn, and only as fast as the visitor reads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_VISITOR_H
#define PROGRAM_VISITOR_H

#include "loop/timer.h"
#include "loop/watcher.h"
#include "object/state.h"
#include "operate/json.h"

typedef struct program_visitor program_visitor;

#define PROGRAM_WORDS 4
#define PROGRAM_COMMAND 65536 /* bytes of a command, with its Lua, at most */

/* What a command does; static in its file. */
typedef struct program_command {
    const char *name;
    unsigned words; /* that must follow it */
    bool has_text;  /* the last of them is the size of what follows the line */
    /* Begins the answer, with the words and perhaps a text. Then `more` writes it slice by slice, until it
       returns false. `more` may be NULL: then program_end_answer ends it later, and program_send_soon sends
       it. */
    void (*begin)(program_visitor *visitor);
    bool (*more)(program_visitor *visitor);
} program_command;

struct program_visitor {
    binding_state *state; /* NULL: nobody is there */
    const program_command *const *commands;
    int fd;
    mp_readable input;
    mp_readable output; /* while what is in `out` can't be sent */
    bool full;          /* `output` is watched */
    bool ended;         /* it sends no more: leaves behind the answer */
    mp_soon slice;
    mp_delay pause; /* until the next slice; see program_pause */
    bool pauses;
    char *in;
    size_t in_size, used; /* received; of the command that is answered */
    char *words[PROGRAM_WORDS];
    const char *text;               /* behind the line, */
    size_t text_size;               /* of this size */
    const program_command *command; /* being answered; NULL: none */
    program_json out;
    lua_Integer next;                          /* for `more`: where it goes on, */
    void *notes;                               /* and what it has found; free releases it, */
    void (*end_notes)(void *notes);            /* behind this, which may be NULL, */
    uint32_t wanted;                           /* and the connection that it looks for; 0: it was found */
    struct program_entry *entry;               /* its console, or NULL */
    void (*release)(program_visitor *visitor); /* frees that when it leaves; or NULL */
};

/* `commands` is ended by NULL. */
void program_begin_visit(program_visitor *visitor, binding_state *state, int fd,
                         const program_command *const *commands);
void program_end_visit(program_visitor *visitor);

static inline bool program_is_visiting(const program_visitor *visitor) {
    return visitor->state != NULL;
}

/* Ends the answer, with an error if that isn't NULL. `more` returns false behind it. */
void program_end_answer(program_visitor *visitor, const char *error);

/* In `begin` or `more`: the next slice comes in so many milliseconds, where nothing says that it is time. */
void program_pause(program_visitor *visitor, double msec);

/* Sends what is in `out`, in the next turn. */
void program_send_soon(program_visitor *visitor);

/* True if so much is unsent that nothing should be added. */
bool program_is_behind(const program_visitor *visitor);

#endif
