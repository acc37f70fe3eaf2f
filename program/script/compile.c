/*
 * Compiling in slices; see compile.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/compile.h"

#include <assert.h>
#include <lauxlib.h>

#include "loop/loop.h"

#define PIECE 4096 /* bytes between two looks at the clock */

/* A lua_Reader. A text that is given up ends early. */
static const char *read_piece(lua_State *L, void *data, size_t *size) {
    program_compiler *self = data;
    const char *piece = self->rest;
    (void)L;
    if (mp_loop_now() >= self->until && !self->given_up)
        mp_system_return_turn(self->turns);
    *size = self->given_up ? 0 : self->left < PIECE ? self->left : PIECE;
    self->rest += *size;
    self->left -= *size;
    return *size > 0 ? piece : NULL;
}

static void run(mp_turns *turns, void *context) {
    program_compiler *self = context;
    (void)turns;
    if (!self->given_up)
        self->status = lua_load(self->L, read_piece, self, lua_tostring(self->L, 2), "t");
}

static void forget(program_compiler *self) {
    lua_State *L = self->L;
    self->L = NULL;
    luaL_unref(L, LUA_REGISTRYINDEX, self->reference);
}

bool program_begin_compiling(program_compiler *self, lua_State *L, const char *start, size_t length,
                             const char *name) {
    assert(!self->turns && !self->L);
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    lua_pushvalue(L, -2);
    lua_pushstring(L, name);
    lua_xmove(L, co, 2);
    self->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    self->L = co;
    self->rest = start;
    self->left = length;
    self->given_up = false;
    self->turns = mp_system_start_turns(run, self);
    if (!self->turns)
        forget(self);
    return self->turns != NULL;
}

static bool give_turn(program_compiler *self) {
    self->inside = true;
    bool goes_on = mp_system_pass_turn(self->turns);
    self->inside = false;
    if (!goes_on) {
        mp_system_end_turns(self->turns);
        self->turns = NULL;
    }
    return goes_on;
}

bool program_go_on_compiling(program_compiler *self, double msec) {
    assert(!self->inside);
    self->until = mp_loop_now() + msec;
    return self->turns && give_turn(self);
}

bool program_end_compiling(program_compiler *self, lua_State *L) {
    assert(!self->turns && self->L);
    bool compiled = self->status == LUA_OK;
    lua_xmove(self->L, L, 1);
    forget(self);
    return compiled;
}

void program_give_up_compiling(program_compiler *self) {
    if (self->inside)
        return; /* a finaliser ends the process */
    self->given_up = true;
    while (self->turns)
        (void)give_turn(self);
    if (self->L)
        forget(self);
}
