/*
 * Lua's own functions with a watchdog; see watched.h. A coroutine runs on behalf of the handler that resumes
 * it: that handler's time continues, and when it is over, the watchdog's hook moves in and out with it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run/watched.h"

#include <assert.h>
#include <limits.h>

#include "run/task.h"

void binding_cut(lua_State *L, binding_state *state, const char *why) {
    binding_watch *watch = &state->watch;
    binding_task *task = binding_running_task(state);
    bool own = task && task->co == L;
    if (own)
        task->spoilt = true;
    watch->cut = L;
    if (!watch->placed) {
        lua_pushstring(L, why);
        lua_rawseti(L, LUA_REGISTRYINDEX, state->tasks->late);
        watch->placed = true;
    }
    if (own && lua_isyieldable(L)) {
        task->spoilt = false;
        task->late = true;
        watch->cut = NULL;
        lua_yield(L, 0);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->tasks->late);
    lua_error(L);
}

/* Marks a coroutine that has died of a hook's error, in which no hook runs any more. */
static void spoilt(lua_State *L, lua_Debug *where) {
    (void)L;
    (void)where;
}

static bool is_spoilt(lua_State *co) {
    return lua_gethook(co) == spoilt;
}

/* Moves the watchdog's hook from `from`, which stops running, to `to`, which continues. */
static void move_hook(binding_watch *watch, lua_State *from, lua_State *to) {
    if (watch->late != from)
        return;
    lua_Hook hook = lua_gethook(from);
    int mask = lua_gethookmask(from), count = lua_gethookcount(from);
    lua_sethook(from, NULL, 0, 0);
    watch->late = to;
    if (to)
        lua_sethook(to, hook, mask, count);
}

static lua_State *go_in(binding_state *state, lua_State *co) {
    lua_State *outer = state->watch.thread;
    state->watch.thread = co;
    if (state->watch.late)
        move_hook(&state->watch, outer, co);
    return outer;
}

static void go_out(binding_state *state, lua_State *co, lua_State *outer) {
    assert(state->watch.thread == co);
    state->watch.thread = outer;
    if (state->watch.late)
        move_hook(&state->watch, co, outer);
}

/* Moves `count` arguments from L to `co` and runs it. Gives the number of results on top of L; -1: an
   error is there. */
static int run(lua_State *L, binding_state *state, lua_State *co, int count) {
    int results;
    if (!lua_checkstack(co, count)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    lua_xmove(L, co, count);
    lua_State *outer = go_in(state, co);
    int status = lua_resume(co, L, count, &results);
    go_out(state, co, outer);
    if (status != LUA_OK && status != LUA_YIELD) {
        if (state->watch.cut == co)
            lua_sethook(co, spoilt, LUA_MASKCOUNT, INT_MAX);
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, results);
    return results;
}

/* True if it can be resumed. Else pushes why not. */
static bool can_be_resumed(lua_State *L, lua_State *co) {
    lua_Debug frame;
    if (lua_status(co) == LUA_YIELD)
        return true;
    bool fresh = lua_status(co) == LUA_OK && !lua_getstack(co, 0, &frame);
    if (fresh && lua_gettop(co) > 0)
        return true;
    if (co == L || (lua_status(co) == LUA_OK && !fresh))
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
    else
        lua_pushliteral(L, "cannot resume dead coroutine");
    return false;
}

static lua_State *check_coroutine(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "thread");
    return co;
}

/* coroutine.resume(co, ...) -> true, values | false, error */
static int coroutine_resume(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    lua_State *co = check_coroutine(L);
    int results = can_be_resumed(L, co) ? run(L, state, co, lua_gettop(L) - 1) : -1;
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

static int close_coroutine(binding_state *state, lua_State *co, lua_State *from) {
    lua_State *outer = go_in(state, co);
#if LUA_VERSION_RELEASE_NUM >= 50406
    int status = lua_closethread(co, from);
#else
    (void)from;
    int status = lua_resetthread(co);
#endif
    go_out(state, co, outer);
    return status;
}

/* What coroutine.wrap gives. Upvalues: the state, the coroutine. */
static int wrapped(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    lua_State *co = lua_tothread(L, lua_upvalueindex(2));
    int results = can_be_resumed(L, co) ? run(L, state, co, lua_gettop(L)) : -1;
    if (results >= 0)
        return results;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD && !is_spoilt(co)) {
        lua_xmove(L, co, 1); /* as the original leaves it, for the variables that are closed */
        status = close_coroutine(state, co, L);
        lua_xmove(co, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* coroutine.wrap(fn) -> function */
static int coroutine_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 2);
    return 1;
}

/* coroutine.close(co) -> true | false, error */
static int coroutine_close(lua_State *L) {
    binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    lua_State *co = check_coroutine(L);
    lua_Debug frame;
    if (co == L || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &frame)))
        return luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
    if (is_spoilt(co)) {
        lua_pushboolean(L, false);
        lua_pushliteral(L, "the coroutine was ended because it was late, and its variables can't be closed");
        return 2;
    }
    if (close_coroutine(state, co, L) == LUA_OK) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushboolean(L, false);
    lua_xmove(co, L, 1);
    return 2;
}

/* The message handler of xpcall. For a hook's error it would run within the hook, where no other hook runs.
   Upvalues: the state, the script's handler. */
static int handle_message(lua_State *L) {
    const binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if ((state->watch.late == L && !state->watch.samples) || state->watch.cut == L)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* Stack: the function, the handler, true, what the function gives; or the error on top. */
static int end_xpcall(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - 2;
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

/* xpcall(fn, handler, ...) -> true, values | false, what the handler gives */
static int watched_xpcall(lua_State *L) {
    const binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    int count = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (state->watch.raises) { /* else the handler finds its own levels of the stack */
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, handle_message, 2);
        lua_replace(L, 2);
    }
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    return end_xpcall(L, lua_pcallk(L, count, LUA_MULTRET, 2, 0, end_xpcall), 0);
}

void binding_watch_messages(lua_State *L, binding_state *state) {
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, watched_xpcall, 1);
    lua_setglobal(L, "xpcall");
}

void binding_watch_coroutines(lua_State *L, binding_state *state) {
    static const luaL_Reg functions[] = {
        {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {"close", coroutine_close}, {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, functions, 1);
    lua_pop(L, 1);
}
