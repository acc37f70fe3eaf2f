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

#include "object/binding.h"
#include "object/generation.h"

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
    const char **code; /* -e, in their order; within argv */
    int code_count;
    double grace;
    double handler_timeout; /* 0: none */
    double reload_timeout;
    double rollback_errors; /* per cent */
    enum mp_log_level log_level;
    bool check;
    bool watch;
} program_options;

typedef struct program_watch program_watch;

/* A load of the script: the first, or a reload. */
typedef struct program_load {
    binding_generation *generation; /* NULL: nothing is being loaded */
    binding_task *task;             /* the main chunk, NULL when it has ended */
    bool ended, succeeded;
    bool timed_out;
    bool interrupted; /* by an error, which it may have caught */
    bool superseded;  /* a newer version waits */
    char *error;      /* with its traceback where there is one */
    int environment;  /* registry reference */
    double started;   /* clock, milliseconds */
    double slice;     /* when the current slice began */
    bool restores;    /* a return to the previous code */
} program_load;

typedef struct program {
    program_options options;
    lua_State *L;
    binding_state *state;
    bool failed; /* the main chunk has */
    bool stopping;
    volatile sig_atomic_t signals; /* that told it to stop */
    ev_async told_to_stop;
    ev_signal hangup;
    ev_timer grace;
    ev_prepare stop_turn;
    enum { STOP_BEGUN, STOP_SCRIPT, STOP_CONNECTIONS } stop_stage;

    program_load load;
    bool begun; /* the first generation has been */
    int module; /* its `moonport` until then: registry reference */
    bool reload_wanted, restore_wanted;
    ev_timer reload_turn; /* does the next thing of a reload between two events */
    ev_timer reload_timeout;
    ev_idle slicer;
    int environment;          /* of the generation that serves: registry reference */
    int previous_environment; /* of the one before, during probation */
    ev_timer probation;
    double probation_ends;
    uint64_t probation_calls, probation_errors; /* of the generation before, at the commit */
    unsigned reloads, reload_failures;
    char *last_error;
    double last_duration;
    double last_time; /* seconds since the epoch */
    program_watch *watch;
    volatile uint32_t watched_run, watched_ticks; /* of the watchdog */
} program;

/* --- options.c --- */

/* Reads the command line. Returns PROGRAM_GO_ON or an exit status (0 after --help). */
int program_parse_options(program_options *options, int argc, char **argv);

/* One line on stderr, "moonport: …". */
void program_complain(const char *text);

/* --- share.c --- */

/* Prints the folder of the installed files; an exit status. */
int program_print_share(void);

/* --- new.c --- */

/* The template of a project: its files, made by template/embed.cmake; the last has no path. */
typedef struct program_template_file {
    const char *path;
    const unsigned char *text;
    size_t length;
} program_template_file;

extern const program_template_file program_template[];

/* moonport new NAME, with the arguments after "new"; an exit status. */
int program_new(int argc, char **argv);

/* --- environment.c: an environment is a table with these fields --- */
#define PROGRAM_GLOBALS "globals"      /* the run's _G */
#define PROGRAM_LOADED "loaded"        /* its modules */
#define PROGRAM_PACKAGE "package"      /* its package table */
#define PROGRAM_FOLDER "folder"        /* where its own modules are */
#define PROGRAM_TARGET_FOLDER "target" /* the same for what a linked script leads to */
#define PROGRAM_SOURCES "sources"      /* path -> text of each file it was made from; false: it is missing */
#define PROGRAM_REQUIRE "require"      /* Lua's own */
#define PROGRAM_STANDARD "standard"    /* Lua's own modules; also a registry key */

/* Notes which modules are Lua's own; once, after luaL_openlibs. */
void program_keep_standard(lua_State *L);

/* Pushes a fresh environment whose `moonport` is the table at index `module`. */
void program_push_environment(lua_State *L, const program_options *options, int module);

/* Pushes the contents of a file, or a message and returns false. */
bool program_push_file(lua_State *L, const char *path);

/* Takes the name of a module from the stack and pushes the file that the run has it from; false, and nil, if it isn't one of
   the script's folder. */
bool program_push_module_path(lua_State *L, int environment);

/* Compiles a file for the environment: pushes the function, or a message and returns false. */
bool program_compile(lua_State *L, const char *path, int environment);

/* --- check.c --- */

/* --check: compiles the script and its modules, runs nothing. Returns the exit status. */
int program_check(program *self);

/* --- load.c --- */

/* Begins to load the script as a new generation; sources are taken from the environment `from` if it is not LUA_NOREF.
   False: it has failed already, load.error says why. */
bool program_begin_load(program *self, int from);

/* Runs the next slice of a main chunk that was interrupted. */
void program_go_on_loading(program *self);

/* Notes as the load's error that its main chunk is late, and where. */
void program_note_late(program *self, lua_State *co);

/* Forgets the load, which has ended. */
void program_end_load(program *self);

/* --- reload.c --- */
void program_init_reload(program *self);
void program_stop_reload(program *self);

/* Loads the script anew in the next turn. False: there is no file to load, or the program is stopping. */
bool program_want_reload(program *self);

/* A load's main chunk has ended. */
void program_load_ended(program *self);

/* --- watch.c --- */
bool program_start_watch(program *self);

/* Watches also the files of the version that serves now, and of the one that is being loaded. */
void program_update_watch(program *self);
void program_stop_watch(program *self);

/* --- watchdog.c --- */
bool program_start_watchdog(program *self);
void program_stop_watchdog(program *self);

/* --- run.c --- */

/* Opens the libraries, runs -e and the script until nothing is left, and closes everything but the Lua state. Returns
   the exit status. */
int program_run(program *self);

/* --- pool.c --- */

/* Has Lua's small objects come from a pool from now on, where there is memory for one. MOONPORT_MALLOC in the environment
   forbids it, for tools that watch malloc. */
void program_pool_memory(lua_State *L);

/* Gives the memory of what is free back to the system. */
void program_trim_pool(void);

/* --- input.c: input that becomes a string without being copied --- */

/* Has the loop receive into memory that strings can keep, where there is some. */
void program_lend_input(lua_State *L, binding_state *state);

/* Gives the memory of what is free back to the system. */
void program_trim_input(void);

/* For pool.c: is the block of a string that keeps its input? Frees one. The place for the string that is being made of input, or
   NULL if a block of that size is for something else. */
bool program_is_input(const void *block);
void program_free_input(void *block);
void *program_place_input(size_t size);

/* --- stop.c: signals, quit and the grace time --- */
void program_watch_signals(program *self);
void program_unwatch_signals(program *self);

#endif
