/*
 * Compiling, also in slices; see compile.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/compile.h"

#include <assert.h>
#include <lauxlib.h>
#include <string.h>

#include "loop/loop.h"
#include "run/bytecode.h"

#define LONG ((size_t)128 << 10) /* bytes; a shorter text takes a few milliseconds */
#define PIECE 4096               /* bytes between two looks at the clock */

/* --- in place ------------------------------------------------------------------------------------------- */

bool program_compile_text(lua_State *L, const char *path, const char *mode) {
    program_text *text = program_to_text(L, -1);
    int result = program_is_whole_text(text) ? 0 : 1;
    size_t length;
    while (result > 0)
        result = program_read_text(text);
    if (result < 0) {
        program_push_text_error(L, path, result);
        return false;
    }
    const char *start = program_text_start(text, &length);
    const char *name = strcmp(path, "-") == 0 ? lua_pushliteral(L, "=stdin")
                                              : lua_pushfstring(L, "@%s", path);
    bool compiled = luaL_loadbufferx(L, start, length, name, mode) == LUA_OK;
    lua_remove(L, -2);
    return compiled;
}

/* --- in slices ------------------------------------------------------------------------------------------ */

/* A compilation that was given up ends early. */
static void look_at_clock(program_compiler *self) {
    if (mp_loop_now() >= self->until && !self->given_up)
        mp_system_return_turn(self->turns);
}

/* A lua_Reader. */
static const char *read_piece(lua_State *L, void *data, size_t *size) {
    program_compiler *self = data;
    const char *piece = self->rest;
    (void)L;
    look_at_clock(self);
    *size = self->given_up ? 0 : self->left < PIECE ? self->left : PIECE;
    self->rest += *size;
    self->left -= *size;
    return *size > 0 ? piece : NULL;
}

static void run(mp_turns *turns, void *context) {
    program_compiler *self = context;
    int result = program_is_whole_text(self->text) ? 0 : 1;
    (void)turns;
    while (result > 0 && !self->given_up) {
        result = program_read_text(self->text);
        look_at_clock(self);
    }
    self->error = result < 0 ? result : 0;
    if (result == 0 && !self->given_up) {
        self->rest = program_text_start(self->text, &self->left);
        self->status = lua_load(self->L, read_piece, self, lua_tostring(self->L, 2),
                                binding_chunk_mode(self->L, NULL));
    }
}

static void forget(program_compiler *self) {
    lua_State *L = self->L;
    if (!program_is_whole_text(self->text))
        program_free_text(self->text);
    self->L = NULL;
    luaL_unref(L, LUA_REGISTRYINDEX, self->reference);
}

bool program_begin_compiling(program_compiler *self, lua_State *L, const char *path) {
    program_text *text = program_to_text(L, -1);
    assert(!self->turns && !self->L);
    if ((program_is_whole_text(text) ? text->size : text->capacity) < LONG)
        return false;
    lua_State *co = lua_newthread(L);
    lua_sethook(co, NULL, 0, 0);
    lua_pushvalue(L, -2);
    lua_pushfstring(L, "@%s", path);
    lua_xmove(L, co, 2);
    self->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    self->L = co;
    self->text = text;
    self->error = 0;
    self->given_up = false;
    self->turns = mp_system_start_turns(run, self);
    if (self->turns)
        return true;
    self->L = NULL;
    luaL_unref(L, LUA_REGISTRYINDEX, self->reference);
    return false;
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
    bool compiled = self->error == 0 && self->status == LUA_OK;
    if (self->error != 0)
        lua_pushnil(self->L);
    lua_xmove(self->L, L, 3);
    forget(self);
    if (self->error != 0) {
        program_push_text_error(L, lua_tostring(L, -2) + 1, self->error);
        lua_replace(L, -2);
    }
    lua_remove(L, -2);
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
