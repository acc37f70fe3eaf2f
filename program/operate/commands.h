/*
 * The commands that the control socket knows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_COMMANDS_H
#define PROGRAM_COMMANDS_H

#include "operate/visitor.h"
#include "operate/walk.h"

/* Ended by NULL. */
extern const program_command *const program_commands[];

/* status.c */
extern const program_command program_status_command;

/* lists.c */
extern const program_command program_connections_command, program_waits_command;

/* handlers.c */
extern const program_command program_handlers_command;

/* The line of a handler of the connections' prototype, as program_line_of. May raise. */
void program_find_in_prototype(const binding_state *state, const mp_listener *listener, enum mp_signal signal,
                               char *line);

/* trace.c */
extern const program_command program_trace_command;

/* memory.c */
extern const program_command program_memory_command;

/* profile.c */
extern const program_command program_profile_command;

/* metrics.c */
extern const program_command program_metrics_command, program_top_command;

/* errors.c */
extern const program_command program_errors_command;

/* acts.c: what changes the program */
extern const program_command program_reload_command, program_rollback_command, program_drain_command,
    program_stop_command, program_close_command, program_log_command;

/* console.c */
extern const program_command program_eval_command, program_complete_command;

struct program;

/* Closes the listeners, and stops the program when its last connection has ended. */
void program_drain_now(struct program *self);

#endif
