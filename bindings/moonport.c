/*
 * The module table: constructors, tasks and time, connections of signals, log, statistics, persist, quit and run.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "object/binding.h"
#include "object/generation.h"
#include "module.h"

/* Registry key of persist's table. */
static const char persist_key = 0;

/* moonport.now() -> whole milliseconds, monotonic */
static int module_now(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)mp_loop_now());
    return 1;
}

/* moonport.hrtime() -> nanoseconds of the same clock */
static int module_hrtime(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)(mp_loop_now() * 1e6));
    return 1;
}

int binding_set_reference(lua_State *L, int *reference) {
    if (!lua_isnoneornil(L, 1))
        luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, *reference);
    *reference = LUA_NOREF;
    if (!lua_isnil(L, 1))
        *reference = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* moonport.onError(fn or nil) */
static int module_on_error(lua_State *L) {
    return binding_set_reference(L, &binding_generation_of(L)->on_error);
}

/* moonport.persist(name, init) -> what is kept under the name; init the first time */
static int module_persist(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 3) == LUA_TNIL && !lua_isnil(L, 2)) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_rawset(L, 3);
        if (binding_generation_of(L)->staging) {
            lua_rawgeti(L, LUA_REGISTRYINDEX, binding_generation_of(L)->persisted);
            lua_pushvalue(L, 1);
            lua_pushboolean(L, 1);
            lua_rawset(L, -3);
        }
        lua_settop(L, 2);
    }
    return 1;
}

/* generation -> */
static int forget_persisted(lua_State *L) {
    binding_generation *generation = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key);
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->persisted);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushnil(L);
        lua_rawset(L, 2);
    }
    return 0;
}

void binding_forget_persisted(binding_generation *generation) {
    lua_State *L = generation->state->L;
    lua_pushcfunction(L, forget_persisted);
    lua_pushlightuserdata(L, generation);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

/* moonport.stats() -> table */
static int module_stats(lua_State *L) {
    binding_state *state = binding_state_of(L);
    const mp_network *network = mp_network_of(state->loop);
    lua_createtable(L, 0, 12);
    set_count(L, "connections", network->traffic.connections);
    set_count(L, "accepted", network->traffic.accepted);
    set_count(L, "connected", network->traffic.connected);
    set_count(L, "bytesRead", network->traffic.bytes_read);
    set_count(L, "bytesSent", network->traffic.bytes_sent);
    set_count(L, "handlerErrors", state->handler_errors);
    set_count(L, "iterations", state->loop->iterations);
    set_count(L, "objects", state->loop->objects);
    set_count(L, "tasks", state->task_count);
    set_count(L, "generation", state->current->number);
    set_count(L, "memory", (uint64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (uint64_t)lua_gc(L, LUA_GCCOUNTB, 0));
    if (state->on_stats)
        state->on_stats(state, L);
    return 1;
}

/* moonport.quit([status = 0]) */
static int module_quit(lua_State *L) {
    binding_state *state = binding_state_of(L);
    lua_Integer status = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, status >= 0 && status <= 255, 1, "an exit status is from 0 to 255");
    if (binding_generation_of(L)->staging)
        return luaL_error(L, "quit: while the script is being loaded anew");
    state->quit_status = (int)status;
    state->quitting = true;
    if (state->on_quit)
        state->on_quit(state);
    else
        mp_loop_stop(state->loop);
    return 0;
}

/* moonport.run() -> status: runs the loop until nothing is left or quit; for a plain Lua */
static int module_run(lua_State *L) {
    binding_state *state = binding_state_of(L);
    if (state->hosted)
        return luaL_error(L, "run: the host runs the loop");
    if (state->looping)
        return luaL_error(L, "run: the loop runs already");
    if (!lua_checkstack(state->L, BINDING_STACK))
        return luaL_error(L, "run: out of memory");
    state->looping = true;
    if (!state->quitting)
        mp_loop_run(state->loop);
    state->looping = false;
    state->quitting = false;
    lua_pushinteger(L, state->quit_status);
    state->quit_status = 0;
    return 1;
}

/* --- log ------------------------------------------------------------------------------------------------------------- */

/* Pushes string.format. */
static void push_format(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "string");
    lua_getfield(L, -1, "format");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* value … -> the line: the only one as it is, more of them by string.format. A protected call. */
static int compose_line(lua_State *L) {
    if (lua_gettop(L) > 1) {
        push_format(L);
        lua_insert(L, 1);
        lua_call(L, lua_gettop(L) - 1, 1);
    }
    (void)luaL_tolstring(L, 1, NULL);
    return 1;
}

/* what has gone wrong, value … -> a line that has all of it. A protected call. */
static int compose_rest(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_where(L, 2); /* the caller of the function that has called this */
    luaL_addvalue(&buffer);
    for (int i = 1; i <= count; i++) {
        (void)luaL_tolstring(L, i, NULL);
        luaL_addvalue(&buffer);
        luaL_addstring(&buffer, i == 1 ? ":" : "");
        luaL_addstring(&buffer, i < count ? " " : "");
    }
    luaL_pushresult(&buffer);
    return 1;
}

/*
 * moonport.log.info(format, ...): as string.format; a lone argument is any value. Upvalue 2: the level. Never raises for what it
 * is given, which is data as often as not: the line then says what was wrong, and has the values one after the other.
 */
static int log_line(lua_State *L) {
    binding_state *state = binding_state_of(L);
    enum mp_log_level level = (enum mp_log_level)lua_tointeger(L, lua_upvalueindex(2));
    size_t length;
    if (level < state->loop->log_level)
        return 0;
    if (lua_gettop(L) == 0)
        lua_pushliteral(L, "");
    int count = lua_gettop(L);
    if (!lua_checkstack(L, count + LUA_MINSTACK)) {
        count = 1;
        lua_settop(L, count);
    }
    lua_pushcfunction(L, compose_line);
    for (int i = 1; i <= count; i++)
        lua_pushvalue(L, i);
    if (lua_pcall(L, count, 1, 0) != LUA_OK) {
        lua_pushcfunction(L, compose_rest);
        lua_insert(L, -2);
        for (int i = 1; i <= count; i++)
            lua_pushvalue(L, i);
        if (lua_pcall(L, count + 1, 1, 0) != LUA_OK)
            lua_pushnil(L);
    }
    const char *text = lua_tolstring(L, -1, &length);
    if (text)
        mp_log_write(state->loop->log_level, level, text, length);
    else
        mp_log(state->loop->log_level, level, "log: a value can't be made into text");
    return 0;
}

static void push_log(lua_State *L, binding_state *state) {
    lua_createtable(L, 0, 4);
    for (int level = 0; level <= MP_LOG_ERROR; level++) {
        lua_pushlightuserdata(L, state);
        lua_pushinteger(L, level);
        lua_pushcclosure(L, log_line, 2);
        lua_setfield(L, -2, mp_log_level_name((enum mp_log_level)level));
    }
}

/* --- the table --------------------------------------------------------------------------------------------------------- */

void binding_push_module(lua_State *L, binding_state *state, int generation) {
    static const luaL_Reg functions[] = {
        {"TcpServer", binding_new_tcp_server},
        {"TcpSocket", binding_new_tcp_socket},
        {"Timer", binding_new_timer},
        {"singleShot", binding_single_shot},
        {"now", module_now},
        {"hrtime", module_hrtime},
        {"onError", module_on_error},
        {"persist", module_persist},
        {"stats", module_stats},
        {"quit", module_quit},
        {"run", module_run},
        {NULL, NULL},
    };
    const luaL_Reg *const parts[] = {functions, binding_connection_functions, binding_task_functions,
                                     binding_wait_functions, binding_generation_functions};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key) == LUA_TNIL) {
        lua_newtable(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &persist_key);
    }
    lua_pop(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lua_pushlightuserdata(L, state);
        lua_pushvalue(L, generation);
        luaL_setfuncs(L, parts[i], 2);
    }
    binding_push_host_address_class(L, state);
    lua_setfield(L, -2, "HostAddress");
    push_log(L, state);
    lua_setfield(L, -2, "log");
    lua_pushliteral(L, MOONPORT_VERSION);
    lua_setfield(L, -2, "version");
}

int luaopen_moonport(lua_State *L) {
    binding_state *state = binding_find(L);
    if (state) {
        /* Again, since package.loaded has been cleared, as busted does between files: it is the same host. */
        lua_pushnil(L);
        binding_push_module(L, state, lua_gettop(L));
        return 1;
    }
    binding_open(L);
    return 1;
}
