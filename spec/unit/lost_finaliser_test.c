/*
 * Lua calls a finaliser where the collector happens to be at work. Where the stack has no room for that, or
 * there is no memory, Lua only warns, and frees the object in its next cycle. The loop must know of no object
 * then that is no more.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "failing_allocation.h"
#include "generation/retirement.h"
#include "object/generation.h"
#include "service.h"

static const char service[] =
    "local moonport = require 'moonport'\n"
    "server = moonport.TcpServer()\n"
    "assert(server:listen '127.0.0.1')\n"
    "function connect()\n"
    "  local socket = moonport.TcpSocket()\n"
    "  socket:connectToHost('127.0.0.1', server:serverPort())\n"
    "  function server:newConnection() self:nextPendingConnection() end\n"
    "end\n"
    "function litter()\n"
    "  for _ = 1, 4 do moonport.TcpServer() moonport.TcpSocket() moonport.Timer() end\n"
    "end\n";

static void call(lua_State *L, const char *name) {
    lua_getglobal(L, name);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

/* n -> ; collects n calls deeper */
static int collect_below(lua_State *L) {
    lua_Integer n = lua_tointeger(L, 1);
    if (n == 0) {
        lua_gc(L, LUA_GCCOLLECT);
        return 0;
    }
    lua_pushcfunction(L, collect_below);
    lua_pushinteger(L, n - 1);
    lua_call(L, 1, 0);
    return 0;
}

static bool collect_deep(lua_State *L, int depth) {
    lua_pushcfunction(L, collect_below);
    lua_pushinteger(L, depth);
    bool collected = lua_pcall(L, 1, 0, 0) == LUA_OK;
    lua_settop(L, 0);
    return collected;
}

/* All garbage goes, whatever has become of its finalisers: the server alone is left. */
static void assert_all_go(binding_state *state) {
    for (int i = 0; i < 1000 && state->loop->objects > 1; i++) {
        lua_gc(state->L, LUA_GCCOLLECT);
        turn(state);
    }
    assert_int_equal(state->loop->objects, 1);
    assert_int_equal(mp_network_of(state->loop)->traffic.connections, 0);
}

/* The loop has a connection that nothing refers to, and its peer's end. */
static void connect_both(binding_state *state) {
    call(state->L, "connect");
    for (int i = 0; i < 5000 && mp_network_of(state->loop)->traffic.connections < 2; i++)
        turn(state);
    assert_int_equal(mp_network_of(state->loop)->traffic.connections, 2);
    turn(state);
}

static void the_stack_has_no_room(void **unused) {
    lua_State *L = luaL_newstate();
    binding_state *state = start_service(L, service, 0);
    (void)unused;
    int depth = 0;
    do {
        call(L, "litter");
        depth++;
    } while (collect_deep(L, depth));
    assert_in_range(depth, 100, 1000);
    assert_all_go(state);
    /* The end of the state finds some that are lost, but not freed yet. */
    call(L, "litter");
    (void)collect_deep(L, depth - 1);
    lua_close(L);
}

static void there_is_no_memory(void **unused) {
    (void)unused;
    lua_State *L = lua_newstate(allocate, NULL);
    binding_state *state = start_service(L, service, 0);
    for (unsigned n = 1; n < 30; n++) {
        call(L, "litter");
        lua_failure = (failure){.armed = true, .from = n, .to = UINT_MAX};
        lua_gc(L, LUA_GCCOLLECT);
        lua_gc(L, LUA_GCCOLLECT);
        lua_failure.armed = false;
    }
    assert_all_go(state);
    lua_close(L);
}

/* A connection that a retired run has made lives as long as something refers to it. */
static void a_connection_of_a_retired_run(void **unused) {
    lua_State *L = luaL_newstate();
    binding_state *state = start_service(L, service, 0);
    (void)unused;
    int deepest = 0;
    while (collect_deep(L, deepest + 1))
        deepest++;
    connect_both(state);
    binding_retire(state->generations.current);
    assert_true(collect_deep(L, deepest));
    assert_all_go(state);
    lua_close(L);
}

/* If there is no memory at first for what that takes, it is tried again. */
static void a_retired_run_without_memory(void **unused) {
    lua_State *L = lua_newstate(allocate, NULL);
    binding_state *state = start_service(L, service, 0);
    (void)unused;
    connect_both(state);
    lua_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    binding_retire(state->generations.current);
    (void)binding_retire_some(state);
    lua_failure.armed = false;
    while (binding_retire_some(state))
        continue;
    assert_all_go(state);
    lua_close(L);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stack_has_no_room),
        cmocka_unit_test(there_is_no_memory),
        cmocka_unit_test(a_connection_of_a_retired_run),
        cmocka_unit_test(a_retired_run_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
