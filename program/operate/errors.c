/*
 * errors: the last different errors of the script's code.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/commands.h"
#include "run.h"

static void begin(program_visitor *visitor) {
    const program *self = visitor->state->program;
    program_json *out = &visitor->out;
    for (int i = 0; i < PROGRAM_FAILURES; i++) {
        const program_failure *it = &self->failures.kept[i];
        if (it->count == 0)
            continue;
        program_json_open(out, NULL);
        program_json_integer(out, "count", (int64_t)it->count);
        program_json_integer(out, "first", (int64_t)(it->first / 1e3));
        program_json_integer(out, "last", (int64_t)(it->last / 1e3));
        program_json_integer(out, "generation", it->generation);
        program_json_string(out, "message", it->line);
        program_json_string(out, "traceback", it->trace);
        program_json_end(out);
    }
    program_end_answer(visitor, NULL);
}

const program_command program_errors_command = {.name = "errors", .begin = begin};
