/*
 * What the files of the program share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_PROGRAM_H
#define MP_PROGRAM_H

#include <ev.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "../../bindings/binding.h"

/* program_parse_options: nothing has been decided, run. */
#define PROGRAM_GO_ON (-1)

/* Default of --grace, milliseconds. */
#define PROGRAM_GRACE 5000.0

typedef struct program_options {
    const char *script; /* "-": standard input; NULL: none, only -e */
    char **arguments;   /* argv, for `arg` */
    int argument_count;
    int script_index;  /* of the script in argv */
    const char **code; /* -e, in their order; within argv */
    int code_count;
    double grace;
    enum mp_log_level log_level;
    bool check;
} program_options;

typedef struct program {
    program_options options;
    lua_State *L;
    binding_state *state;
    bool failed; /* the main chunk has */
    bool stopping;
    volatile sig_atomic_t signals; /* that told it to stop */
    ev_async told_to_stop;
    ev_timer grace;
    ev_prepare drained;
} program;

/* Reads the command line. Returns PROGRAM_GO_ON or an exit status (0 after --help). */
int program_parse_options(program_options *options, int argc, char **argv);

/* Opens the libraries, runs -e and the script as tasks of the host until nothing is left, and closes everything but the
   Lua state. Returns the exit status. */
int program_run(program *self);

/* --check: compiles the script and runs nothing. Returns an exit status. */
int program_check(lua_State *L, const program_options *options);

/* Leaves the compiled script on the stack; or prints why not, and returns false. */
bool program_load_script(lua_State *L, const char *script);

/* Sets `arg` and package.path, and pushes the script's arguments; returns their number. */
int program_push_arguments(lua_State *L, const program_options *options);
void program_set_path(lua_State *L, const char *script);

/* One line on stderr, "moonport: …". */
void program_complain(const char *text);

/* Signals, quit and the grace time. */
void program_watch_signals(program *self);
void program_unwatch_signals(program *self);

#endif
