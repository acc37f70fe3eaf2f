/*
 * Reloading: the script is loaded as a new generation beside the one that serves, and takes over between two
 * events, or nothing changes and a line says why. With --rollback-errors the previous code comes back if the
 * new one fails too often.
 *
 * The first run is a load of its own: its main chunk may wait, and be replaced by newer code before it has
 * ended.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_RELOAD_H
#define PROGRAM_RELOAD_H

#include "loop/bell.h"
#include "options.h"
#include "reload/certificates.h"
#include "reload/probation.h"
#include "reload/report.h"
#include "reload/watch.h"
#include "script/load.h"

enum program_reload_stage {
    RELOAD_NONE,      /* a generation serves, and nothing else happens */
    RELOAD_FIRST,     /* the same, but its main chunk, the first, hasn't ended */
    RELOAD_LOADING,   /* a new one is being loaded, or its load has failed */
    RELOAD_READY,     /* it can take over */
    RELOAD_COMMITTING /* it takes over */
};

typedef struct program_reload program_reload;

/* What a worker process does in place of deciding by itself; one static table. Each is called from the
   loop. */
typedef struct program_reload_master {
    /* Newer code is wanted; or with `back` the code before. False: never any more. */
    bool (*wanted)(program_reload *reload, bool back);
    void (*serves)(program_reload *reload); /* the first main chunk ended, or waits */
    /* The next generation can take over, and waits for the decision. -> why it fails after all, or NULL */
    const char *(*ready)(program_reload *reload);
    void (*gave_up)(program_reload *reload);                /* it can't, as the report says */
    void (*committed)(program_reload *reload);              /* it serves */
    void (*loaded)(program_reload *reload);                 /* code that serves may have loaded a module */
    void (*stuck)(program_reload *reload, const char *why); /* it can't, although it must */
} program_reload_master;

struct program_reload {
    binding_state *state;
    const program_options *options;
    enum program_reload_stage stage;
    program_load first, next;
    int environment;      /* of the generation that serves: registry reference */
    int previous;         /* sources of the one before, as an environment has them: registry reference */
    bool rollback_wanted; /* load those */
    bool wanted;          /* load another one */
    bool restore_wanted;  /* which is the previous code */
    bool restores;        /* the next one is the previous code, which comes back */
    char why[160];        /* a generation may not take over */
    bool closed;          /* no other one takes over any more */
    mp_soon turn;         /* does the next step between two events */
    program_late_modules late;
    mp_delay timeout;
    mp_interrupt hangup;
    program_watch watch;
    program_certificates certificates;
    program_probation probation;
    program_reload_report report;
    /* Called when the first main chunk has failed, and the program with it. */
    void (*failed)(struct program_reload *reload, const char *error);
    void *owner;                         /* of `failed` */
    const program_reload_master *master; /* NULL: this process decides */
    int given;                           /* sources for the first run, and for the next: registry reference */
    enum { RELOAD_OPEN, RELOAD_AGREED, RELOAD_REFUSED } decision; /* of the master, on what is staged */
};

void program_init_reload(program_reload *self, binding_state *state, const program_options *options,
                         void (*failed)(program_reload *reload, const char *error), void *owner);

/* Runs the script for the first time; newer code can be requested from then on. `module`: see
   program_load_first. */
void program_start_script(program_reload *self, mp_bell *bell, int module);

/* SIGHUP: the script handles it, or its files of TLS are read again, and then it is reloaded, unless another
   worker asks for that. */
void program_hang_up(program_reload *self, bool reloads);

/* Reloads the script in the next turn. False: there is no file to load, or the program is stopping. */
bool program_want_reload(program_reload *self);

/* The same with the sources that served before. False: there are none, or the program is stopping. */
bool program_want_rollback(program_reload *self);

/* The three steps of a reload, each from the loop. The first loads a generation until it is RELOAD_READY or
   has failed; then call one of the others, between two events. */
void program_prepare_reload(program_reload *self);
void program_commit_reload(program_reload *self);

/* `why`: NULL if the load has the reason. */
void program_give_up_reload(program_reload *self, const char *why);

/* In a worker: begins to load generation `number`, from the sources that `given` refers to, or from its files
   (LUA_NOREF). `back`: they were served before. */
void program_stage_reload(program_reload *self, unsigned number, int given, bool back);

/* In a worker: it can't begin to load a generation. */
void program_refuse_reload(program_reload *self, const char *why);

/* In a worker: what has been staged takes over, or doesn't for this reason, which the log of another worker
   has. Without anything staged, tells the script that a reload has failed. */
void program_decide_reload(program_reload *self, const char *why);

/* The environment of the generation with this number, if that serves or is being loaded: registry reference,
   or LUA_NOREF. */
int program_environment_of(const program_reload *self, unsigned number);

/* The sources of the generation that serves have become more: they are watched. */
void program_note_sources(program_reload *self);

/* The program stops: no generation takes over any more. */
void program_close_reload(program_reload *self);

/* Ends everything, from outside the loop. */
void program_stop_reload(program_reload *self);

#endif
