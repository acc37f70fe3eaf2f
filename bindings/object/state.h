/*
 * The state of the bindings: what belongs to one Lua state. Parts that only one file uses are defined in that
 * file; here are pointers to them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_STATE_H
#define BINDING_STATE_H

#include <lauxlib.h>
#include <lua.h>

#include "data/address.h"
#include "net/network.h"

typedef struct binding_state binding_state;
typedef struct binding_box binding_box;
typedef struct binding_losses binding_losses;
typedef struct binding_task binding_task;
typedef struct binding_task_kind binding_task_kind;
typedef struct binding_wait binding_wait;
typedef struct binding_generation binding_generation;

/* Userdata classes; those of signal.h come first, with the same numbers. */
enum {
    CLASS_HOST_ADDRESS = MP_KIND_COUNT,
    CLASS_TASK,
    CLASS_CONNECTION,
    CLASS_LOOKUP,
    CLASS_PIPE,
    CLASS_FILE_SENDER,
    CLASS_JOB,
    CLASS_SSL_CERTIFICATE,
    CLASS_SSL_KEY,
    CLASS_SSL_CONFIGURATION,
    CLASS_SEMAPHORE,
    CLASS_TOKEN,
    CLASS_CONDITION,
    CLASS_CHANNEL,
    CLASS_DATAGRAM_INFO,
    CLASS_WEBSOCKET,
    CLASS_COUNT
};

/* "TcpServer" … */
const char *binding_kind_name(int class);

/* An error of the script's code. */
typedef struct binding_failure {
    const char *message;    /* without what differs from object to object */
    const char *line;       /* the log's */
    const char *trace;      /* its traceback */
    const mp_address *peer; /* of a server of this program, for which it failed; or NULL */
} binding_failure;

/* What the program does for the bindings, at any time; a plain Lua has none. */
typedef struct binding_host {
    /* Pushes all unread bytes without a copy, and marks them as read; false: not possible. */
    bool (*adopt)(lua_State *L, mp_stream *socket);
    /* moonport.quit, with its status in the driver. */
    void (*quit)(binding_state *state);
    /* A staged run calls what only serving code may. Raises. */
    void (*refuse)(lua_State *L, const char *name);
    /* moonport.reload; false: there is nothing to load, or the program is stopping. */
    bool (*reload)(binding_state *state);
    /* Code of this generation has failed. */
    void (*failed)(binding_state *state, const binding_generation *generation,
                   const binding_failure *failure);
    /* Adds to the table of moonport.stats, which is on top. */
    void (*stats)(binding_state *state, lua_State *L);
    /* The path of the program's own store, which it starts if none runs. NULL: `path` has it; else why there
       is none. */
    const char *(*store)(binding_state *state, char *path, size_t size);
    /* Memory should be given back to the system. */
    void (*trim)(void);
} binding_host;

/* Calls of lower files to those above them; open.c sets them. */
typedef struct binding_hooks {
    const binding_task_kind *spawned; /* of the tasks that moonport.spawn makes */
    /* A run has taken over or was rolled back: connections must be told, and garbage collected. */
    void (*succeeded)(binding_state *state);
    /* Pushes what comes with a signal, an enum mp_signal_argument, of a class that few use. */
    void (*push_argument)(lua_State *L, int kind, const mp_object *object, intptr_t argument);
    /* Does a part of that, a slice a turn; false: nothing is left. */
    bool (*chore)(mp_loop *loop);
} binding_hooks;

/* The generation of the running code; a task begins with it. */
typedef struct binding_context {
    binding_generation *generation;
    bool of_run; /* the code is part of the script's own run */
} binding_context;

/* What a watchdog reads, from a signal handler. */
typedef struct binding_watch {
    volatile uint32_t runs;     /* of pieces of the script's code, ever: tells one from the next */
    lua_State *volatile thread; /* where such a piece runs now, or NULL */
    lua_State *volatile late;   /* the coroutine in which the watchdog, or a profile, has set its hook */
    volatile bool samples;      /* that hook is a profile's: it only looks */
    lua_State *cut;             /* the one that another hook has raised an error in */
    bool raises;                /* a hook may raise errors, which no message handler gets */
    bool placed;                /* tasks->late says where the late code was first found */
} binding_watch;

/* What the bindings know of the classes. */
typedef struct binding_classes {
    const void *metatables[CLASS_COUNT]; /* lua_topointer of each, for quick checks */
    int references[CLASS_COUNT];
    int plain
        [MP_KIND_COUNT]; /* references: the metatables of sockets that have neither fields nor a server */
    int signal_names[MP_SIGNAL_COUNT]; /* references */
    int connection_name, no_prototype; /* references: "connection", an empty table */
} binding_classes;

typedef struct binding_generations {
    binding_generation *current; /* the one that serves */
    binding_generation *staging; /* the one that is being loaded, or NULL */
    binding_generation *lasting; /* the library's own, which no other follows, or NULL; see lasting.h */
    binding_generation *first;   /* of all that exist */
    uint32_t count;              /* that were ever made */
    uint32_t successions;        /* commits and roll-backs */
    uint32_t retiring;           /* whose runs still have objects to end */
    uint32_t pass;               /* over all tasks, which that needs */
} binding_generations;

struct binding_state {
    lua_State *L; /* main thread */
    mp_loop *loop;
    binding_context *running; /* the task that runs now, or NULL */
    /* Set when the collector wants to check its pace after a handler. */
    void (*pace)(binding_state *state);
    binding_watch watch;
    struct binding_counts *own_counts[MP_KIND_COUNT]; /* object/count.h */
    size_t input_strings; /* bytes of strings made of input since the collector's last check */
    binding_classes classes;
    binding_generations generations;
    binding_losses *losses;              /* object/lost.h */
    struct binding_tasks *tasks;         /* run/task.h */
    struct binding_driver *driver;       /* run/wait.h */
    struct binding_writer *writer;       /* class/tcp_socket_write.c */
    struct binding_peers *peers;         /* object/peer.h */
    struct binding_datagrams *datagrams; /* signal/datagram.c */
    struct binding_collector *collector; /* collector.c */
    struct binding_work *work;           /* class/work.c */
    unsigned worker, workers;            /* which of how many processes this one is; 0: it is the only one */
    const binding_hooks *hooks;
    const binding_host *host; /* NULL in a plain Lua */
    void *program;            /* the host's own data */
};

/* Makes an empty state. Lua calls its finaliser, `gc`, after those of all objects. */
binding_state *binding_new_state(lua_State *L, lua_CFunction gc);

/* The state that was made in a Lua state, or NULL. */
binding_state *binding_find(lua_State *L);

/* Zeroed memory that lives as long as the Lua state. Raises on lack of memory. */
void *binding_allocate(lua_State *L, size_t size);

/* The state that a C function of the module belongs to (upvalue 1). Raises for a finaliser that runs after
   the end. */
static inline binding_state *binding_state_of(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if (!state->loop)
        luaL_error(L, "moonport has stopped");
    return state;
}

/* Code of the script is about to run in `L`. Returns what binding_leave needs. */
static inline lua_State *binding_enter(binding_state *state, lua_State *L) {
    lua_State *before = state->watch.thread;
    state->watch.runs++;
    state->watch.thread = L;
    return before;
}

/* Removes the hook that the watchdog has set. */
void binding_disarm(binding_state *state);

/* The code has run. A tick counts anew from here on, so that the hook can be removed for good. */
static inline void binding_leave(binding_state *state, lua_State *before) {
    state->watch.runs++;
    state->watch.thread = before;
    if (state->watch.late)
        binding_disarm(state);
}

/* True in a finaliser, where lua_gc does nothing and nothing can wait. */
static inline bool binding_in_finaliser(lua_State *L) {
    return lua_gc(L, LUA_GCCOUNT) < 0;
}

/* A string of `size` bytes of input is made. Short ones don't matter to the collector's pace. */
static inline void binding_note_input(binding_state *state, size_t size) {
    if (size >= 512)
        state->input_strings += size;
}

#endif
