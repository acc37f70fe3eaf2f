/*
 * The command line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_OPTIONS_H
#define PROGRAM_OPTIONS_H

#include <stdbool.h>

#include "system/log.h"

/* program_parse_options: nothing has been decided, run. */
#define PROGRAM_GO_ON (-1)

/* Defaults of --grace and --reload-timeout, milliseconds. */
#define PROGRAM_GRACE 5000.0
#define PROGRAM_RELOAD_TIMEOUT 10000.0

/* --rollback-errors: off */
#define PROGRAM_NO_PROBATION (-1.0)

typedef struct program_options {
    const char *script; /* "-": standard input; NULL: none, only -e */
    char **arguments;   /* argv, for `arg` */
    int argument_count;
    int script_index;  /* of the script in argv */
    const char **code; /* -e, in their order; within argv; free releases the array */
    int code_count;
    double grace;
    double handler_timeout; /* 0: none */
    double handler_kill;    /* 0: none */
    double reload_timeout;
    double rollback_errors; /* per cent */
    enum mp_log_level log_level;
    bool check;
    bool watch;
} program_options;

/* Reads the command line, and does what needs no script. Returns PROGRAM_GO_ON or an exit status (0 after
   --help). */
int program_parse_options(program_options *options, int argc, char **argv);

/* One line on stderr, "moonport: …". */
void program_complain(const char *text);

#endif
