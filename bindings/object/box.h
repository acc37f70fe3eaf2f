/*
 * Boxes: the userdata of a server, socket, timer or task begins with one; the C object of host/ follows it.
 * An anchored object lives until nothing can happen on it any more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_BOX_H
#define BINDING_BOX_H

#include "object/state.h"
#include "object/surplus.h"

struct binding_box {
    binding_wait *waits;     /* suspended on this object: a ring, of which this is the first */
    binding_task *taker;     /* the handler that took it from nextPendingConnection and still runs */
    binding_box *next_taken; /* the next connection that the same handler took */
    uint16_t connected;      /* by moonport.connect, see binding_may_be_connected */
    uint16_t busy_reading, busy_writing; /* suspended readyRead and bytesWritten handlers */
    bool unseen : 1;                     /* data came while a readyRead handler was suspended */
    bool has_fields : 1;                 /* its user value is a table */
    bool has_handlers : 1;               /* a connection with own handlers */
    bool of_run : 1;                     /* made by a script's own run, not in a handler of a connection */
    bool weak : 1;                       /* weakly anchored */
    bool start_staged : 1;               /* a timer or task that starts with the commit */
    bool visited : 1;               /* by a walk over all members of a run, which has no memory for a list */
    bool cared_for : 1;             /* a server whose script asks for connections, or that has been warned */
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

/* False if moonport.connect surely has no handlers for the signal. */
static inline bool binding_may_be_connected(const binding_box *box, enum mp_signal signal) {
    return (box->connected & BINDING_CONNECTED_BIT(signal)) != 0;
}

/* Pushes a new, zeroed userdata of `class` with room for a C object of `size`; not initialised yet. */
binding_box *binding_new_box(lua_State *L, binding_state *state, int class, size_t size);

/* The same for a value that has neither a box nor fields, but so many user values, and whose finaliser frees
   what it refers to. The finaliser may run twice. */
void *binding_new_value(lua_State *L, binding_state *state, int class, size_t size, int values);

/* The behaviours of the kinds; NULL where this build lacks one. */
extern const mp_behaviour *const binding_behaviours[MP_KIND_COUNT];

/* The number of its class, or of the one that this is based on: what is done for each class by a switch is
   done for all that are based on it. */
static inline int binding_base_of(const mp_object *object) {
    int class = (int)object->behaviour->kind;
    return class < MP_KIND_COUNT ? (int)mp_kind_base((enum mp_kind) class) : class;
}

/* True if it is the behaviour of a kind that is based on this one. */
bool binding_is_based_on(const mp_behaviour *behaviour, enum mp_kind kind);

/* The box at `index` if it is a `kind`, or based on it, else NULL. It compares its behaviour, which no
   foreign userdata can have in that place: cheaper than comparing metatables. Only a userdata has an
   address. */
static inline __attribute__((always_inline)) binding_box *binding_test_box(lua_State *L, int index,
                                                                           enum mp_kind kind) {
    binding_box *box = lua_touserdata(L, index);
    if (!box || lua_rawlen(L, index) < sizeof(binding_box) + sizeof(mp_object))
        return NULL;
    const mp_behaviour *behaviour = binding_object(box)->behaviour;
    return behaviour == binding_behaviours[kind] || binding_is_based_on(behaviour, kind) ? box : NULL;
}

/* Raises a type error, or that the object has been finalised. */
binding_box *binding_refuse_box(lua_State *L, int index, enum mp_kind kind);

/* The same, but raises, also for what has been finalised. */
static inline __attribute__((always_inline)) binding_box *binding_check_box(lua_State *L, int index,
                                                                            enum mp_kind kind) {
    binding_box *box = binding_test_box(L, index, kind);
    return box && binding_object(box)->loop ? box : binding_refuse_box(L, index, kind);
}

/* For functions that may be called with any arguments: they ignore those that they don't use. */
#define BINDING_ANY 1000000

/* The object at index 1 of a method that takes `parameters` arguments besides it. */
binding_box *binding_check_self(lua_State *L, int parameters, enum mp_kind kind);

/* The same as part of its caller, for the methods that each request calls. */
static inline __attribute__((always_inline)) binding_box *binding_check_self_at_once(lua_State *L,
                                                                                     int parameters,
                                                                                     enum mp_kind kind) {
    binding_box *box = binding_check_box(L, 1, kind);
    binding_takes(L, 1 + parameters);
    return box;
}

#define binding_check(L, parameters, type, kind)                                                             \
    ((type *)binding_object(binding_check_self(L, parameters, kind)))

/* True if the value at `index` is a userdata of `class`, whatever its state. */
bool binding_is(lua_State *L, const binding_state *state, int index, int class);

/* The userdata at `index` if it is of `class`, which isn't one of signal.h's; else raises a type error. */
void *binding_check_userdata(lua_State *L, int index, int class);

/* The last step of every object's finaliser; `anchor` is the anchor that it had before its C object was
   destroyed. */
void binding_forget(lua_State *L, binding_box *box, int anchor);

/* Finalises the objects that finalisers have made while the Lua state was closing, since Lua doesn't. */
void binding_finalise_orphans(lua_State *L);

/* Keeps the object at `index` alive until nothing can happen on it any more. To be called before any call
   that may cause signals. */
void binding_anchor(lua_State *L, int index, mp_object *object);

/* Pushes the userdata of an anchored object on `L`; never raises if there is stack. Returns false and
   pushes nil if it was only weakly anchored and is collected; its finaliser runs next. */
static inline bool binding_push(lua_State *L, const mp_object *object) {
    int type = lua_rawgeti(L, LUA_REGISTRYINDEX, object->anchor);
    if (type == LUA_TTABLE) {
        type = lua_rawgeti(L, -1, 1); /* a weak anchor, see weaken in generation/retirement.c */
        lua_remove(L, -2);
    }
    return type == LUA_TUSERDATA;
}

/* Pushes the table of a box's fields; false (and another value pushed) if there is none. */
bool binding_push_fields(lua_State *L, int index);

#endif
