/*
 * Boxes: the userdata of a server, socket, timer or task begins with one; the C object of host/ follows it.
 * What is anchored lives until nothing can happen on it any more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_BOX_H
#define BINDING_BOX_H

#include "object/state.h"
#include "object/surplus.h"

struct binding_box {
    binding_wait *waits;     /* suspended on this object: a ring, this is its first */
    binding_task *taker;     /* the handler that took it from nextPendingConnection and is still at work */
    binding_box *next_taken; /* the next one that the same handler took */
    uint16_t connected;      /* by moonport.connect, see binding_may_be_connected */
    uint16_t busy_reading, busy_writing; /* suspended readyRead and bytesWritten handlers */
    bool unseen : 1;                     /* data came while a readyRead handler was suspended */
    bool has_fields : 1;                 /* its user value is a table */
    bool has_handlers : 1;               /* a connection with handlers of its own */
    bool of_run : 1;                     /* made by a script's own run, not in a handler of a connection */
    bool weak : 1;                       /* weakly anchored */
    bool start_staged : 1;               /* a timer or task that starts with the commit */
    bool visited : 1;   /* in a walk over all members of a run, without memory for a list of them */
    bool cared_for : 1; /* a server's connections: somebody asks for them, or was told */
    binding_generation *generation; /* whose code made it, or set its handlers last */
    intptr_t unseen_written;        /* the same for bytesWritten */
};

static inline mp_object *binding_object(binding_box *box) {
    return (mp_object *)(box + 1);
}

static inline binding_box *binding_box_of(mp_object *object) {
    return (binding_box *)object - 1;
}

/* A bit of `connected`, which two signals may share. */
#define BINDING_CONNECTED_BIT(signal) ((uint16_t)(1u << ((unsigned)(signal) % 16)))

/* Has moonport.connect added handlers for the signal? False is sure, true isn't. */
static inline bool binding_may_be_connected(const binding_box *box, enum mp_signal signal) {
    return (box->connected & BINDING_CONNECTED_BIT(signal)) != 0;
}

/* Pushes a new, zeroed userdata of `class` with room for a C object of `size`; not initialised yet. */
binding_box *binding_new_box(lua_State *L, binding_state *state, int class, size_t size);

/* The box at `index` if it is a `kind`, else NULL. */
binding_box *binding_test_box(lua_State *L, int index, enum mp_kind kind);

/* The same, but raises a type error, also for what has been finalised. */
binding_box *binding_check_box(lua_State *L, int index, enum mp_kind kind);

/* For what may be called with any arguments: it ignores those that it has no use for. */
#define BINDING_ANY 1000000

/* The object at index 1 of a method that takes so many arguments beside it. */
static inline binding_box *binding_check_self(lua_State *L, int parameters, enum mp_kind kind) {
    binding_box *box = binding_check_box(L, 1, kind);
    binding_takes(L, 1 + parameters);
    return box;
}

#define binding_check(L, parameters, type, kind)                                                             \
    ((type *)binding_object(binding_check_self(L, parameters, kind)))

/* Is the value at `index` a userdata of `class`, whatever its state? */
bool binding_is(lua_State *L, const binding_state *state, int index, int class);

/* The userdata at `index` if it is of `class`, which is none of signal.h's, else raises a type error. */
void *binding_check_userdata(lua_State *L, int index, int class);

/* What every object's finaliser does at last; `anchor` is what it was anchored with before its C object
   was destroyed. */
void binding_forget(lua_State *L, binding_box *box, int anchor);

/* Finalises what finalisers have made while the Lua state was closing: Lua doesn't. */
void binding_finalise_orphans(lua_State *L);

/* Keeps the object at `index` alive until nothing can happen on it any more; before any call that may
   cause signals. */
void binding_anchor(lua_State *L, int index, mp_object *object);

/* Pushes the userdata of an anchored object on `L`; never raises if there is stack. False, and nil is
   pushed: it is only weakly anchored, and collected; its finaliser comes next. */
static inline bool binding_push(lua_State *L, const mp_object *object) {
    int type = lua_rawgeti(L, LUA_REGISTRYINDEX, object->anchor);
    if (type == LUA_TTABLE) {
        type = lua_rawgeti(L, -1, 1); /* a weak anchor, see weaken in generation/succession.c */
        lua_remove(L, -2);
    }
    return type == LUA_TUSERDATA;
}

/* Pushes the table of a box's fields; false (and something else pushed) if there is none. */
bool binding_push_fields(lua_State *L, int index);

#endif
