/*
 * The walk over a script's memory; see reach.h. It goes into depth, with a stack of what it is in: of each
 * table there the value and the last key are in a table of Lua.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/reach.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/succession.h"
#include "object/box.h"
#include "operate/seen.h"
#include "operate/walk.h"
#include "run.h"
#include "script/environment.h"

#define LONGEST 20000.0 /* milliseconds of a walk: tables may grow as fast as it goes */
#define SLICE 1.0       /* milliseconds */
#define AT_ONCE 64      /* entries of a table between two looks at the clock */
#define SMALL 16        /* entries of a table whose elements have paths of their own */
#define DEEPEST 1000000 /* tables within each other */
#define LONG_STRING 40  /* bytes; shorter ones may be counted twice */
#define TABLE 56        /* bytes of an empty table, */
#define ELEMENT 16      /* of an element of a list */
#define FIELD 40        /* and of another entry */
#define STRING 24       /* and of a string beside its text */

typedef struct frame {
    unsigned path;
    bool named; /* its elements have paths of their own */
    int step;   /* of a function's variables, or of a coroutine's functions and their variables */
    int level;
} frame;

enum stage { STAGE_GLOBALS, STAGE_PERSIST, STAGE_OBJECTS, STAGE_MODULES, STAGE_SHARED, STAGE_END };

struct program_reach {
    binding_state *state;
    int stack; /* reference to the table of what it is in: value, key, value, key … */
    frame *frames;
    unsigned depth, room;
    program_seen seen, roots; /* `seen` has modules from the start, `roots` those that were entered */
    program_paths paths;
    enum stage stage;
    lua_Integer place; /* in STAGE_OBJECTS */
    double end;        /* mp_loop_now */
    bool cut;
};

/* --- into depth ----------------------------------------------------------------------------------------- */

/* The name of an element: ".name", or "[*]" for one of many. Stack: …, key, value */
static void name_element(lua_State *L, bool named, char *name, size_t size) {
    if (named && lua_type(L, -2) == LUA_TSTRING)
        snprintf(name, size, ".%.60s", lua_tostring(L, -2));
    else
        snprintf(name, size, "[*]");
}

static bool is_small(lua_State *L, int index) {
    int count = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (++count > SMALL) {
            lua_pop(L, 2);
            return false;
        }
    return true;
}

/* Goes into the value on top, which is popped, unless it has been there or it has nothing within. True: it
   did. */
static bool enter(program_reach *self, unsigned path, bool named) {
    lua_State *L = self->state->L;
    int type = lua_type(L, -1);
    bool has = type == LUA_TTABLE || type == LUA_TTHREAD ||
               (type == LUA_TFUNCTION && !lua_iscfunction(L, -1));
    if (!has || self->depth == DEEPEST || !program_see(&self->seen, lua_topointer(L, -1))) {
        self->cut = self->cut || self->seen.full || self->depth == DEEPEST;
        lua_pop(L, 1);
        return false;
    }
    if (self->depth == self->room) {
        unsigned room = self->room > 0 ? 2 * self->room : 64;
        frame *frames = realloc(self->frames, room * sizeof *frames);
        if (!frames) {
            self->cut = true;
            lua_pop(L, 1);
            return false;
        }
        self->frames = frames;
        self->room = room;
    }
    if (type == LUA_TTABLE) {
        self->paths.places[path].tables++;
        self->paths.places[path].bytes += TABLE;
        named = named || is_small(L, -1);
    }
    self->frames[self->depth++] = (frame){.path = path, .named = named};
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->stack);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2 * (lua_Integer)self->depth - 1);
    lua_pushnil(L);
    lua_rawseti(L, -2, 2 * (lua_Integer)self->depth);
    lua_pop(L, 1);
    return true;
}

static void leave(program_reach *self) {
    lua_State *L = self->state->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->stack);
    for (int i = 0; i < 2; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, 2 * (lua_Integer)self->depth - i);
    }
    lua_pop(L, 1);
    self->depth--;
}

static void count_entry(program_reach *self, program_path *path) {
    lua_State *L = self->state->L;
    path->entries++;
    path->bytes += lua_isinteger(L, -2) ? ELEMENT : FIELD;
    if (lua_type(L, -1) == LUA_TSTRING) {
        size_t size = lua_rawlen(L, -1);
        if (size < LONG_STRING || program_see(&self->seen, lua_topointer(L, -1)))
            path->bytes += size + STRING;
    }
}

/* Stack: …, list of the stack, table, last key */
static void go_on_in_table(program_reach *self) {
    lua_State *L = self->state->L;
    int table = lua_gettop(L) - 1;
    frame now = self->frames[self->depth - 1];
    unsigned depth = self->depth;
    for (int i = 0; i < AT_ONCE; i++) {
        char name[64];
        if (!lua_next(L, table)) {
            leave(self);
            return;
        }
        count_entry(self, &self->paths.places[now.path]);
        int type = lua_type(L, -1);
        if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TTHREAD) {
            lua_pop(L, 1);
            continue;
        }
        name_element(L, now.named, name, sizeof name);
        unsigned path = type == LUA_TTABLE ? program_path_of(&self->paths, now.path, name) : now.path;
        if (enter(self, path, false))
            break;
    }
    lua_rawseti(L, table - 1, 2 * (lua_Integer)depth); /* the last key */
}

/* "local NAME (chat.lua)": a variable that functions share is one path of its own. */
static unsigned path_of_variable(program_reach *self, const char *name, const char *source) {
    char text[128];
    snprintf(text, sizeof text, "local %s (%s)", name, source);
    return program_path_of(&self->paths, 0, text);
}

/* Stack: …, function */
static void go_on_in_function(program_reach *self) {
    lua_State *L = self->state->L;
    int function = lua_gettop(L);
    lua_Debug about;
    lua_pushvalue(L, function);
    lua_getinfo(L, ">S", &about);
    for (const char *name;;) {
        name = lua_getupvalue(L, function, ++self->frames[self->depth - 1].step);
        if (!name) {
            leave(self);
            return;
        }
        if (enter(self, path_of_variable(self, name, about.short_src), false))
            return;
    }
}

/* Stack: …, coroutine */
static void go_on_in_coroutine(program_reach *self) {
    lua_State *L = self->state->L, *co = lua_tothread(L, -1);
    lua_Debug where;
    while (co != L && lua_status(co) == LUA_YIELD &&
           lua_getstack(co, self->frames[self->depth - 1].level, &where) && lua_checkstack(co, 1)) {
        frame *now = &self->frames[self->depth - 1];
        const char *name = lua_getlocal(co, &where, ++now->step);
        if (!name) {
            now->level++;
            now->step = 0;
            continue;
        }
        lua_xmove(co, L, 1);
        lua_getinfo(co, "Sl", &where);
        if (where.currentline < 0 || *name == '(')
            lua_pop(L, 1);
        else if (enter(self, path_of_variable(self, name, where.short_src), false))
            return;
    }
    leave(self);
}

static void go_on(program_reach *self) {
    lua_State *L = self->state->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, self->stack);
    lua_rawgeti(L, -1, 2 * (lua_Integer)self->depth - 1);
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
        lua_rawgeti(L, -2, 2 * (lua_Integer)self->depth);
        go_on_in_table(self);
        break;
    case LUA_TFUNCTION: go_on_in_function(self); break;
    default: go_on_in_coroutine(self);
    }
}

/* --- from the roots ------------------------------------------------------------------------------------- */

/* Pushes a part of the environment of the code that serves. */
static bool push_part(const program_reach *self, const char *name) {
    lua_State *L = self->state->L;
    const program *owner = self->state->program;
    int environment = owner->reload.environment != LUA_NOREF ? owner->reload.environment
                                                             : owner->reload.first.environment;
    return environment != LUA_NOREF && lua_rawgeti(L, LUA_REGISTRYINDEX, environment) == LUA_TTABLE &&
           lua_getfield(L, -1, name) == LUA_TTABLE;
}

/* The modules in the table on top have paths of their own: globals that are the same aren't entered. */
static void see_modules(program_reach *self) {
    lua_State *L = self->state->L;
    int modules = lua_gettop(L);
    (void)program_see(&self->seen, lua_topointer(L, modules));
    for (lua_pushnil(L); lua_next(L, modules); lua_pop(L, 1))
        if (lua_istable(L, -1))
            (void)program_see(&self->seen, lua_topointer(L, -1));
}

/* Enters the table on top, unless that was done. */
static void begin_root(program_reach *self, const char *name) {
    const void *table = lua_topointer(self->state->L, -1);
    if (!program_see(&self->roots, table))
        return;
    program_forget_seen(&self->seen, table);
    (void)enter(self, program_path_of(&self->paths, 0, name), true);
}

/* Enters the modules of the table on top one after the other; false: there are no more. */
static bool next_module(program_reach *self) {
    lua_State *L = self->state->L;
    lua_Integer number = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (number++ < self->place || !lua_istable(L, -1) || lua_type(L, -2) != LUA_TSTRING)
            continue;
        self->place = number;
        char name[80];
        snprintf(name, sizeof name, "module %.60s", lua_tostring(L, -2));
        begin_root(self, name);
        return true;
    }
    self->place = 0;
    return false;
}

/* Enters the next object or task; false: there are no more. */
static bool next_object(program_reach *self) {
    lua_State *L = self->state->L;
    while (self->place < program_places(self->state)) {
        int top = lua_gettop(L);
        program_found found = program_look_at(self->state, ++self->place);
        if (found.object && binding_box_of(found.object)->has_fields && binding_push_fields(L, top + 1)) {
            char name[64];
            snprintf(name, sizeof name, "fields of %ss", binding_kind_name(found.object->behaviour->kind));
            if (enter(self, program_path_of(&self->paths, 0, name), true))
                return true;
        } else if (found.task && found.task->suspended && enter(self, 0, false)) {
            return true;
        }
        lua_settop(L, top);
        if (self->place % 64 == 0)
            return true; /* looks at the clock */
    }
    self->place = 0;
    return false;
}

static void next_root(program_reach *self) {
    lua_State *L = self->state->L;
    bool more = false;
    switch (self->stage) {
    case STAGE_GLOBALS:
        if (push_part(self, PROGRAM_LOADED))
            see_modules(self);
        lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
        see_modules(self);
        if (push_part(self, PROGRAM_GLOBALS))
            begin_root(self, "_G");
        break;
    case STAGE_PERSIST:
        if (binding_push_persisted(L))
            begin_root(self, "persist");
        break;
    case STAGE_OBJECTS: more = next_object(self); break;
    case STAGE_MODULES: more = push_part(self, PROGRAM_LOADED) && next_module(self); break;
    case STAGE_SHARED:
        lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
        more = next_module(self);
        break;
    default: break;
    }
    if (!more)
        self->stage++;
}

/* walk -> ; a slice */
static int slice(lua_State *L) {
    program_reach *self = lua_touserdata(L, 1);
    double end = mp_loop_now() + SLICE;
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    while (self->stage < STAGE_END && mp_loop_now() < end) {
        lua_settop(L, 1);
        if (self->depth > 0)
            go_on(self);
        else
            next_root(self);
    }
    return 0;
}

bool program_go_on_reaching(program_reach *self) {
    lua_State *L = self->state->L;
    lua_pushcfunction(L, slice);
    lua_pushlightuserdata(L, self);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) { /* its last key is gone, or there is no memory */
        lua_pop(L, 1);
        self->cut = true;
        if (self->depth > 0)
            self->depth--;
        else
            self->stage++;
    }
    if (self->stage < STAGE_END && mp_loop_now() > self->end) {
        self->cut = true;
        self->stage = STAGE_END;
    }
    return self->stage < STAGE_END;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static int make_stack(lua_State *L) {
    lua_newtable(L);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 1;
}

program_reach *program_begin_reach(binding_state *state) {
    program_reach *self = calloc(1, sizeof *self);
    lua_State *L = state->L;
    if (!self)
        return NULL;
    self->state = state;
    self->end = mp_loop_now() + LONGEST;
    lua_pushcfunction(L, make_stack);
    bool made = lua_pcall(L, 0, 1, 0) == LUA_OK;
    self->stack = made ? (int)lua_tointeger(L, -1) : LUA_NOREF;
    lua_pop(L, 1);
    if (made)
        return self;
    free(self);
    return NULL;
}

const program_paths *program_reached(const program_reach *self) {
    return &self->paths;
}

bool program_reach_is_cut(const program_reach *self) {
    return self->cut;
}

void program_end_reach(program_reach *self) {
    luaL_unref(self->state->L, LUA_REGISTRYINDEX, self->stack);
    program_free_paths(&self->paths);
    program_free_seen(&self->seen);
    program_free_seen(&self->roots);
    free(self->frames);
    free(self);
}
