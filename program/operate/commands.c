/*
 * The table of commands; see commands.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/commands.h"

const program_command *const program_commands[] = {&program_status_command,
                                                   &program_connections_command,
                                                   &program_handlers_command,
                                                   &program_waits_command,
                                                   &program_errors_command,
                                                   &program_eval_command,
                                                   &program_complete_command,
                                                   &program_reload_command,
                                                   &program_rollback_command,
                                                   &program_drain_command,
                                                   &program_stop_command,
                                                   &program_close_command,
                                                   &program_log_command,
                                                   &program_metrics_command,
                                                   &program_profile_command,
                                                   &program_memory_command,
                                                   &program_trace_command,
                                                   &program_top_command,
                                                   NULL};
