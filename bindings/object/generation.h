/*
 * Generations: each run of the script is one, with its own module table, so that code always knows its run. A
 * generation is freed when its last handler, task, object or function is gone. generation/succession.h says
 * how one follows another.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_GENERATION_H
#define BINDING_GENERATION_H

#include <assert.h>
#include <signal.h>

#include "net/stream.h"
#include "net/tcp_server.h"
#include "object/box.h"

struct binding_generation {
    uint32_t references;
    uint32_t number;
    binding_state *state;
    binding_generation *next; /* in state->generations */
    bool staging;
    enum { LIFE_SERVING, LIFE_RETIRING, LIFE_RETIRED } life; /* see generation/retirement.h */
    int members;   /* reference: weak-keyed table of the objects that the script's own run has made */
    int persisted; /* reference: names that it added to persist while it was staged */
    int on_error, on_reload, on_quit;
    int system_signals;          /* reference: name of a signal of the system -> list of functions, or none */
    volatile sig_atomic_t takes; /* a bit for each of those signals; signal handlers read it */
    /* what lives on, for reports */
    uint32_t sockets;  /* connections with own handlers that this generation has set */
    uint32_t handlers; /* suspended handlers and tasks */
    char holder[80];   /* "chat.lua:31", the last handler that it set on a socket */
    /* for probation */
    uint64_t calls, errors;
    char *first_error;
};

/* Makes the next generation, which takes no part in anything yet, and pushes its handle. Raises on lack of
   memory. */
binding_generation *binding_new_generation(lua_State *L, binding_state *state);

/* The same for the lasting one, number 0: it serves for ever, beside the others. What it makes belongs to no
   run, and doesn't keep the loop running. */
binding_generation *binding_new_lasting_generation(lua_State *L, binding_state *state);

/* The generation that the running code belongs to. */
binding_generation *binding_running_generation(const binding_state *state);

/* The generation of a function of the module: the one whose table has it or, for the table that all share,
   the caller's. Raises for a finaliser that runs after the end of the state. */
binding_generation *binding_generation_of(lua_State *L);

/* Frees it: no reference is left. */
void binding_free_generation(binding_generation *generation);

static inline void binding_reference(binding_generation *generation) {
    if (generation)
        generation->references++;
}

static inline void binding_unreference(binding_generation *generation) {
    assert(!generation || generation->references > 0);
    if (generation && --generation->references == 0)
        binding_free_generation(generation);
}

/* True if it is of the past: neither of those that may become or are the serving one, nor the lasting one. */
static inline bool binding_is_older(const binding_generation *generation) {
    const binding_generations *all = &generation->state->generations;
    return generation != all->current && generation != all->staging && generation != all->lasting;
}

/* True if newer code has taken over from it. */
static inline bool binding_is_retired(const binding_generation *generation) {
    return generation && generation->life != LIFE_SERVING;
}

/* True if it belongs to a retired run. Then it ends before anything else happens on it. */
static inline bool binding_box_is_retired(const binding_box *box) {
    return box->of_run && binding_is_retired(box->generation);
}

/* True if it belongs to a run that doesn't serve yet. */
static inline bool binding_box_is_staged(const binding_box *box) {
    return box->of_run && box->generation->staging;
}

/* True if it belongs to a run before that generation. */
static inline bool binding_box_is_older(const binding_box *box, const binding_generation *generation) {
    return box->of_run && box->generation != generation;
}

/* Records that the running code made the object at `index`, a box. */
void binding_made(lua_State *L, int index);

/* Where the function at `index` is defined, "chat.lua:31", into `text`. */
void binding_place_of_function(lua_State *L, int index, char *text, size_t size);

/* Records that a handler was set on the box at `index`; the function is at `value`. */
void binding_handler_set(lua_State *L, binding_box *box, binding_generation *generation, int value);

/* Records whose handlers a socket has, if any. */
void binding_attribute(binding_box *box, binding_generation *generation, bool has_handlers);

/* True if the connection's server was reloaded and the connection hasn't been told yet. */
static inline bool binding_is_behind(const mp_stream *socket) {
    const mp_listener *listener = socket->listener;
    return listener && listener->server && listener->server->object.epoch != socket->object.epoch;
}

#endif
