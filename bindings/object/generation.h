/*
 * Generations: each run of the script is one, with a module table of its own, so that code always knows which run it belongs
 * to. A generation is staged (runs, but changes nothing that is seen), committed (takes over the listeners of the one
 * before) or rolled back; it is freed when the last handler, task, object or function of it is gone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_GENERATION_H
#define BINDING_GENERATION_H

#include "object/binding.h"

struct binding_generation {
    uint32_t references;
    uint32_t number;
    binding_state *state;
    binding_generation *next; /* in state->generations */
    bool staging;
    int members;   /* reference: weak-keyed table of the objects that the script's own run has made */
    int persisted; /* reference: names that it added to persist while staging */
    int on_error, on_reload, on_quit;
    /* what lives on, for reports */
    uint32_t sockets;  /* connections with handlers of their own that this generation has set */
    uint32_t handlers; /* suspended handlers and tasks */
    char holder[80];   /* "chat.lua:31", the last handler that it set on a socket */
    /* for probation */
    uint64_t calls, errors;
    char *first_error;
};

/* What a commit has done. */
typedef struct binding_commit {
    unsigned kept, added, closed; /* listeners */
    unsigned failed;              /* connectionResumed handlers that have thrown; grows afterwards */
} binding_commit;

/* Makes the next generation; the first is current at once, others are staging. Leaves its module table on the stack. */
binding_generation *binding_new_generation(lua_State *L, binding_state *state);

/* The generation that the running code belongs to. */
binding_generation *binding_running_generation(binding_state *state);

/* The generation of a function of the module: whose table it is from, or, from that which all share, whoever calls. */
static inline binding_generation *binding_generation_of(lua_State *L) {
    binding_generation **handle = lua_touserdata(L, lua_upvalueindex(2));
    return handle ? *handle : binding_running_generation(binding_state_of(L));
}

void binding_reference(binding_generation *generation);
void binding_unreference(binding_generation *generation);

/* Notes that the object at `index`, a box, was made by the code that runs now. */
void binding_made(lua_State *L, int index);

/* Notes that a handler was set on the box at `index`; the function is at `value`. */
void binding_handler_set(lua_State *L, binding_box *box, binding_generation *generation, int value);

/* Notes whose handlers a socket has, if any. */
void binding_attribute(binding_box *box, binding_generation *generation, bool has_handlers);

/* The staging generation takes over, between two events. */
void binding_commit_generation(binding_generation *generation, binding_commit *report);

/* Has the code that serves closed a listener that the staging generation was to take over? */
bool binding_has_lost_listener(const binding_generation *generation);

/* The staging generation comes to nothing: closes all that it has made. */
void binding_rollback_generation(binding_generation *generation);

/* The listener of the current generation that a staged listen with these arguments will take over, or NULL. */
mp_tcp_server *binding_claim_listener(binding_generation *generation, const mp_address *address,
                                      uint16_t port);

/* The same of a staged setSocketDescriptor. */
mp_tcp_server *binding_claim_descriptor(binding_generation *generation, int fd);

/* Collects all garbage, with what finalisers let go: goes through cycles of the collector, a slice a turn. */
void binding_collect_soon(binding_state *state);

/* Before an event of a connection: tells it, once, to the server that has taken it over. */
void binding_resume_connection(mp_stream *socket);

/* moonport.generation, stale, onReload, onQuit, reload */
extern const luaL_Reg binding_generation_functions[];

#endif
