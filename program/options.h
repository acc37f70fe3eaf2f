/*
 * The command line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_OPTIONS_H
#define PROGRAM_OPTIONS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "data/address.h"
#include "system/log.h"

/* Result of program_parse_options: run the script. */
#define PROGRAM_GO_ON (-1)

/* Defaults of --grace and --reload-timeout, milliseconds. */
#define PROGRAM_GRACE 5000.0
#define PROGRAM_RELOAD_TIMEOUT 10000.0

/* Defaults of --work-threads, and of --work-memory, MiB. */
#define PROGRAM_WORK_THREADS 4
#define PROGRAM_WORK_MEMORY 64

/* Of --store-max-memory, bytes. */
#define PROGRAM_STORE_MEMORY ((double)(256 << 20))

/* The signal that a process of the program's own gets when the one that has started it is gone. Before it is
   handled, it ends the process. */
#define PROGRAM_PARTING SIGIO

/* Of --workers. */
#define PROGRAM_MOST_WORKERS 256

/* --rollback-errors: off */
#define PROGRAM_NO_PROBATION (-1.0)

/* Where --metrics listens. */
typedef struct program_metrics_place {
    bool wanted;
    mp_address address;
    uint16_t port;
} program_metrics_place;

typedef struct program_options {
    const char *script; /* "-": standard input; NULL: none, only -e */
    char **arguments;   /* argv, for `arg` */
    int argument_count;
    int script_index;  /* of the script in argv */
    const char **code; /* -e, in order; within argv; free releases the array */
    int code_count;
    double grace;
    double handler_timeout; /* 0: none */
    double handler_kill;    /* 0: none */
    double reload_timeout;
    double rollback_errors; /* per cent */
    double work_threads;
    double work_memory; /* MiB for each */
    enum mp_log_level log_level;
    enum mp_log_format log_format;
    const char *keylog;  /* NULL: off */
    const char *control; /* a path, "off", or NULL: see operate/place.h */
    program_metrics_place metrics;
    bool check;
    bool watch;
    int workers; /* processes that this one is the master of; 0: none */
    bool allow_bytecode;
    double max_memory;  /* bytes of the Lua state; 0: no bound */
    double max_buffers; /* bytes of the buffers of connections; 0: no bound */
    int worker;         /* the number of this process among them; 0: it is none */
    int worker_count;
    int channel;            /* a worker's descriptor to its master */
    const char *store;      /* this process is the store whose socket is there; NULL: it is none */
    const char *store_file; /* NULL: the store keeps nothing */
    double store_memory;    /* bytes */
    const char *as_metrics; /* this process serves the metrics, there; NULL: it doesn't */
} program_options;

/* Reads the command line, and handles the options that need no script. Returns PROGRAM_GO_ON or an exit
   status (0 after --help). */
int program_parse_options(program_options *options, int argc, char **argv);

/* The process runs this code of the program's own, and nothing else of what the options say. */
void program_run_own_code(program_options *options, const char *code);

/* "moonport: …" on stderr; an error in the log if programs read that. */
void program_complain(const char *text);

#endif
