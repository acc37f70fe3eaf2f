/*
 * Reports of reloads: log lines, the script's onReload, stats.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_REPORT_H
#define PROGRAM_REPORT_H

#include "generation/succession.h"

/* What a reload has done here. */
typedef struct program_reload_result {
    binding_commit commit;
    unsigned long long connections;
    unsigned older;     /* connections with handlers of older generations, */
    const char *holder; /* and the place of one such handler */
} program_reload_result;

typedef struct program_reload_report {
    binding_state *state;
    const char *script; /* its name, without folders */
    unsigned reloads, failures;
    bool failed;                  /* the last one */
    bool silent;                  /* nothing is logged: another process does it */
    program_reload_result result; /* of the last one that succeeded */
    char *last_error;             /* NULL: none has failed, or there was no memory for it */
    double last_duration;         /* milliseconds */
    double last_time;             /* seconds since the epoch; 0: none ended yet */
} program_reload_report;

/* `script`: its path, or NULL. */
void program_init_report(program_reload_report *report, binding_state *state, const char *script);
void program_free_report(program_reload_report *report);

/* Counts and logs a reload that began at this time: one that succeeded, and one that failed, with a message
   of this many bytes, a newline and a traceback. */
void program_report_success(program_reload_report *report, double started, const binding_commit *commit);
void program_report_failure(program_reload_report *report, double started, const char *why, size_t message);

/* Calls onReload's function, a reference, with the last reload's result; `commit`: NULL if it failed. */
void program_tell_of_reload(program_reload_report *report, const binding_commit *commit, int function);

/* Adds stats().reload to the table on top. */
void program_add_statistics(const program_reload_report *report, lua_State *L);

#endif
