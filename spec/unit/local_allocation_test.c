/*
 * For every n, the n-th allocation fails while a service listens at a Unix-domain socket, connects to itself
 * there and passes a descriptor, which nobody claims: of Lua's allocator, and of host/'s malloc, calloc and
 * realloc (the linker's --wrap). Nothing crashes or leaks, no file and no descriptor stays behind, and
 * afterwards all of it works.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "clock.h"
#include "service.h"

static char path[64]; /* where it listens; the script has it as a global variable, too */

/* Each call of the function it returns is a run of the scenario, as a task. It ends everything that it has
   made, and then sets `done`, to true if all went well. */
static const char service[] =
    "_ = (' '):rep(20000)\n"
    "local moonport = require 'moonport'\n"
    "moonport.onError(function(text) return #text end)\n"
    "local function run(server, socket)\n"
    "  server:setReceiveDescriptors(1)\n"
    "  assert(server:listen(path))\n"
    "  assert(socket:connectToServer(path))\n"
    "  assert(socket:sendDescriptor(server, 'x'))\n"
    "  assert(socket:waitForConnected(20))\n"
    "  local peer <close> = assert(server:waitForNewConnection(20) and server:nextPendingConnection())\n"
    "  assert(peer:receive(1, 20) == 'x' and peer:serverName() == socket:serverName())\n"
    "end\n"
    "return function()\n"
    "  done = nil\n"
    "  moonport.spawn(function()\n"
    "    local server <close>, socket = moonport.LocalServer(), moonport.LocalSocket()\n"
    "    local ok = pcall(run, server, socket)\n"
    "    socket:abort()\n"
    "    for other in server:connections() do other:abort() end\n"
    "    while server:nextPendingConnection() do end\n"
    "    done = ok\n"
    "  end)\n"
    "end\n";

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int set_scenario(lua_State *L) {
    lua_setglobal(L, "scenario");
    return 0;
}

/* 0: it hasn't ended, 1: it failed, 2: all went well. */
static int outcome(lua_State *L) {
    lua_getglobal(L, "done");
    int result = lua_isnil(L, -1) ? 0 : lua_toboolean(L, -1) ? 2 : 1;
    lua_pop(L, 1);
    return result;
}

static void turn_once_a_millisecond(binding_state *state) {
    turn(state);
    pass(1);
}

/* True if all went well within so many milliseconds. A task that memory runs out for may end without a
   word. */
static bool run_scenario(lua_State *L, binding_state *state, int msec) {
    lua_getglobal(L, "scenario");
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        return false;
    }
    for (int i = 0; i < 20 && outcome(L) == 0; i++)
        turn(state);
    for (int i = 0; i < msec && outcome(L) == 0; i++)
        turn_once_a_millisecond(state);
    return outcome(L) == 2;
}

/* Until nobody listens any more: a failed run may still wait for something, and it ends without a word. */
static void await_end(binding_state *state) {
    for (int i = 0; i < 5000 && access(path, F_OK) == 0; i++)
        turn_once_a_millisecond(state);
}

/* False if the scenario made fewer allocations than would fail. */
static bool try_failure(failure *which, unsigned from, unsigned to) {
    int before = open_descriptors();
    lua_State *L = lua_newstate(allocate, NULL);
    lua_pushstring(L, path);
    lua_setglobal(L, "path");
    binding_state *state = start_service(L, service, 0);
    lua_pushcfunction(L, set_scenario);
    lua_insert(L, -2);
    assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_OK);
    state->loop->log_level = MP_LOG_NONE;
    *which = (failure){.armed = true, .from = from, .to = to};
    (void)run_scenario(L, state, 5);
    which->armed = false;
    bool reached = which->count >= from;
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCCOLLECT);
    for (int i = 0; i < 8; i++)
        turn(state);
    await_end(state);
    assert_true(run_scenario(L, state, 1000));
    lua_close(L);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(open_descriptors(), before);
    return reached;
}

int main(void) {
    (void)snprintf(path, sizeof path, "/tmp/moonport-local-allocation-test-%ld", (long)getpid());
    const struct CMUnitTest tests[] = {
        SWEEPS(try_failure, 5, 5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
