/*
 * Finalisers of a run that doesn't serve; see finaliser.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "script/finaliser.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "object/state.h"
#include "script/error.h"
#include "script/slices.h"

#define LIMIT 100.0        /* milliseconds that one finaliser may take: nothing else runs meanwhile */
#define LOOKS 50           /* at the clock that it may take in any case, since a busy machine may delay it */
#define HOOK_INTERVAL 2000 /* instructions between two looks at the clock */

/* Fields of a run's table. */
enum { RUN_NUMBER = 1, RUN_SILENT };

/* The finaliser that runs; there is never a second. A hook can't find it otherwise. */
static struct {
    lua_State *co; /* or NULL */
    double deadline;
    unsigned looks;
    bool late;
} now_running;

bool program_runs_guarded_finaliser(void) {
    return now_running.co != NULL;
}

static void on_count(lua_State *L, lua_Debug *where) {
    (void)where;
    if (!now_running.co) { /* a coroutine that the finaliser has made */
        lua_sethook(L, NULL, 0, 0);
        return;
    }
    if (!now_running.late && (now_running.looks++ < LOOKS || mp_loop_now() < now_running.deadline))
        return;
    now_running.late = true;
    lua_sethook(now_running.co, on_count, LUA_MASKCOUNT, 1);
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    binding_find(L)->watch.cut = L;
    char *text = program_place_text(L, "a finaliser has not ended within 100 ms");
    lua_pushstring(L, text ? text : "not enough memory");
    free(text);
    lua_error(L);
}

bool program_is_finalising(lua_State *L) {
    return lua_gethook(L) == on_count;
}

/* From now on no finaliser of the run is called. If its main chunk hasn't ended, it fails. */
static void give_up(lua_State *L, const char *text, lua_Integer number) {
    binding_state *state = binding_find(L);
    program_slices *slices = program_started_slices();
    lua_pushboolean(L, true);
    lua_rawseti(L, lua_upvalueindex(2), RUN_SILENT);
    if (slices && slices->why)
        return;
    if (slices && slices->task->context.generation->number == (unsigned)number)
        program_refuse_slices(slices, strdup(text));
    else
        mp_log(state->loop->log_level, MP_LOG_ERROR, "generation %u, which doesn't serve: %s",
               (unsigned)number, text);
}

/* function, arguments */
static int call(lua_State *L) {
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

/* Stack: arguments. Raises what the finaliser raises. */
static int run_guarded(lua_State *L, lua_Integer number) {
    binding_state *state = binding_find(L);
    int count = lua_gettop(L), results;
    lua_State *co = lua_newthread(L);
    lua_insert(L, 1);
    luaL_checkstack(co, count + LUA_MINSTACK, NULL);
    lua_pushcfunction(co, call);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 2);
    lua_xmove(L, co, count + 1);
    lua_sethook(co, on_count, LUA_MASKCOUNT, HOOK_INTERVAL);
    now_running.co = co;
    now_running.deadline = mp_loop_now() + LIMIT;
    now_running.looks = 0;
    now_running.late = false;
    bool raises = state->watch.raises;
    state->watch.raises = true;
    lua_State *cut = state->watch.cut, *outer = binding_enter(state, co);
    int status = lua_resume(co, L, count + 1, &results);
    binding_leave(state, outer);
    state->watch.cut = cut;
    state->watch.raises = raises;
    now_running.co = NULL;
    if (status == LUA_OK)
        return 0;
    if (now_running.late) {
        give_up(L, lua_tostring(co, -1), number);
        return 0;
    }
    lua_xmove(co, L, 1);
    return lua_error(L);
}

static int end_call(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L);
}

/* In the place of a __gc. Upvalues: that, the run's table. */
static int finalise(lua_State *L) {
    bool silent = lua_rawgeti(L, lua_upvalueindex(2), RUN_SILENT) == LUA_TBOOLEAN && lua_toboolean(L, -1);
    bool serves = lua_rawgeti(L, lua_upvalueindex(2), RUN_NUMBER) != LUA_TNUMBER;
    lua_Integer number = lua_tointeger(L, -1);
    lua_pop(L, 2);
    if (!serves && !now_running.co && binding_in_finaliser(L))
        return silent ? 0 : run_guarded(L, number);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, end_call);
    return end_call(L, LUA_OK, 0);
}

/* On top is a metatable, possibly with a finaliser. */
static void guard(lua_State *L) {
    int metatable = lua_gettop(L);
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, metatable) == LUA_TFUNCTION && lua_tocfunction(L, -1) != finalise) {
        lua_pushliteral(L, "__gc");
        lua_insert(L, -2);
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_pushcclosure(L, finalise, 2);
        lua_rawset(L, metatable);
    }
    lua_settop(L, metatable);
}

/* setmetatable(table, metatable) -> table, as Lua's own, which is upvalue 1. Upvalue 2: the run's table */
static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TTABLE)
        guard(L);
    lua_setmetatable(L, 1);
    return 1;
}

void program_guard_finalisers(lua_State *L, int globals, int run) {
    globals = lua_absindex(L, globals);
    lua_pushvalue(L, run);
    lua_pushboolean(L, false);
    lua_rawseti(L, -2, RUN_SILENT);
    lua_getfield(L, globals, "setmetatable");
    lua_insert(L, -2);
    lua_pushcclosure(L, set_metatable, 2);
    lua_setfield(L, globals, "setmetatable");
}

void program_trust_finalisers(lua_State *L, int globals) {
    globals = lua_absindex(L, globals);
    lua_pushliteral(L, "setmetatable");
    lua_pushvalue(L, -1);
    lua_rawget(L, globals);
    if (lua_tocfunction(L, -1) == set_metatable) {
        (void)lua_getupvalue(L, -1, 1);
        lua_remove(L, -2);
        lua_rawset(L, globals);
    } else {
        lua_pop(L, 2);
    }
}
