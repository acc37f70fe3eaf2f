/*
 * The state of the bindings: what belongs to one Lua state. The parts that one file alone uses are that
 * file's, and stand here as pointers.
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
typedef struct binding_task binding_task;
typedef struct binding_task_kind binding_task_kind;
typedef struct binding_wait binding_wait;
typedef struct binding_generation binding_generation;

/* Userdata classes; those of signal.h come first, with the same numbers. */
enum { CLASS_HOST_ADDRESS = MP_KIND_COUNT, CLASS_TASK, CLASS_CONNECTION, CLASS_LOOKUP, CLASS_COUNT };

/* What the program does for the bindings, each of it at any time; in a plain Lua there is none. */
typedef struct binding_host {
    /* Pushes all that is unread without a copy, and has it read; false: it can't. */
    bool (*adopt)(lua_State *L, mp_stream *socket);
    /* moonport.quit, with its status in the driver. */
    void (*quit)(binding_state *state);
    /* A run that is being loaded calls what only one that serves may. Raises. */
    void (*refuse)(lua_State *L, const char *name);
    /* moonport.reload; false: there is nothing to load, or the program stops. */
    bool (*reload)(binding_state *state);
    /* Code of this generation has failed with this message, for this peer of a server of ours, or NULL. */
    void (*failed)(binding_state *state, const binding_generation *generation, const char *message,
                   const mp_address *peer);
    /* Adds to the table of moonport.stats, which is on top. */
    void (*stats)(binding_state *state, lua_State *L);
    /* Memory is worth giving back to the system. */
    void (*trim)(void);
} binding_host;

/* What lower files have done by those above them; open.c sets it. */
typedef struct binding_hooks {
    const binding_task_kind *spawned; /* of the tasks that moonport.spawn makes */
    /* A run has taken over or was undone: connections are to be told, and garbage is to be collected. */
    void (*succeeded)(binding_state *state);
    /* Does some of that, a slice a turn; false: nothing is left. */
    bool (*chore)(mp_loop *loop);
} binding_hooks;

/* Whose code runs; a task begins with it. */
typedef struct binding_context {
    binding_generation *generation;
    bool of_run; /* it is part of the script's own run */
} binding_context;

/* What a watchdog looks at, from a signal handler. */
typedef struct binding_watch {
    volatile uint32_t runs;     /* of pieces of the script's code, ever: by it one is told from the next */
    lua_State *volatile thread; /* where one runs now, or NULL */
    lua_State *volatile late;   /* the coroutine in which the watchdog has set its hook */
} binding_watch;

/* What is known of the classes. */
typedef struct binding_classes {
    const void *metatables[CLASS_COUNT]; /* lua_topointer of each, for quick checks */
    int references[CLASS_COUNT];
    int plain_socket; /* reference: the metatable of sockets that have neither fields nor a server */
    int signal_names[MP_SIGNAL_COUNT]; /* references */
} binding_classes;

typedef struct binding_generations {
    binding_generation *current; /* the one that serves */
    binding_generation *staging; /* the one that is being loaded, or NULL */
    binding_generation *first;   /* of all that live */
    uint32_t count;              /* ever made */
    uint32_t retiring;           /* whose runs have made what is still to end */
    uint32_t pass;               /* through all tasks, which that takes */
} binding_generations;

struct binding_state {
    lua_State *L; /* main thread */
    mp_loop *loop;
    binding_context *running; /* the task that runs now, or NULL */
    /* Set where the collector wants to look after its pace, behind a handler. */
    void (*pace)(binding_state *state);
    binding_watch watch;
    size_t input_strings; /* bytes of those that were made of input, since the collector last looked */
    binding_classes classes;
    binding_generations generations;
    struct binding_tasks *tasks;         /* run/task.h */
    struct binding_driver *driver;       /* run/wait.h */
    struct binding_writer *writer;       /* class/tcp_socket_write.c */
    struct binding_collector *collector; /* collector.c */
    const binding_hooks *hooks;
    const binding_host *host; /* NULL in a plain Lua */
    void *program;            /* the host's own */
};

/* Makes an empty state, which Lua finalises with `gc` after all objects. */
binding_state *binding_new_state(lua_State *L, lua_CFunction gc);

/* The state of a Lua state in which it has been made, or NULL. */
binding_state *binding_find(lua_State *L);

/* Zeroed memory of the state's, which lives as long as the Lua state. Raises on lack of memory. */
void *binding_allocate(lua_State *L, size_t size);

/* The state that a C function of the module belongs to (upvalue 1). Raises for a finaliser that comes after
   the end. */
static inline binding_state *binding_state_of(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if (!state->loop)
        luaL_error(L, "moonport has ended");
    return state;
}

/* Code of the script is about to run in `L`; returns what binding_leave needs. */
static inline lua_State *binding_enter(binding_state *state, lua_State *L) {
    lua_State *before = state->watch.thread;
    state->watch.runs++;
    state->watch.thread = L;
    return before;
}

/* The watchdog has set its hook: takes it out. */
void binding_disarm(binding_state *state);

/* It has run. A tick from here on counts anew, so that the hook can be taken out for good. */
static inline void binding_leave(binding_state *state, lua_State *before) {
    state->watch.runs++;
    state->watch.thread = before;
    if (state->watch.late)
        binding_disarm(state);
}

/* Is this a finaliser? No lua_gc works in one, and nothing can wait. */
static inline bool binding_in_finaliser(lua_State *L) {
    return lua_gc(L, LUA_GCCOUNT) < 0;
}

/* A string is made of `size` bytes of input. Short ones are too few bytes to matter to the collector's
   pace. */
static inline void binding_note_input(binding_state *state, size_t size) {
    if (size >= 512)
        state->input_strings += size;
}

#endif
