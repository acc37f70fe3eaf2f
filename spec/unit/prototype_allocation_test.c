/*
 * Where a reload takes over, each server gets the other's listener, and its own prototype behind the
 * connections of that. There is no way back from there, so that this must need no memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "failing_allocation.h"
#include "object/prototype.h"
#include "service.h"

static const char service[] = "local moonport = require 'moonport'\n"
                              "with, without = moonport.TcpServer(), moonport.TcpServer()\n"
                              "with.connection.readyRead = print\n"
                              "assert(with:listen '127.0.0.1' and without:listen '127.0.0.1')\n";

static int update(lua_State *L) {
    binding_update_prototype(L, 1);
    return 0;
}

static mp_tcp_server *push_server(lua_State *L, const char *name) {
    lua_getglobal(L, name);
    return (mp_tcp_server *)binding_object(lua_touserdata(L, -1));
}

static void update_without_memory(lua_State *L, const char *name) {
    lua_pushcfunction(L, update);
    (void)push_server(L, name);
    lua_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    int status = lua_pcall(L, 1, 0, 0);
    lua_failure.armed = false;
    assert_int_equal(status, LUA_OK);
}

static void prototypes_change_places_without_memory(void **unused) {
    lua_State *L = lua_newstate(allocate, NULL);
    (void)unused;
    start_service(L, service, 0);
    mp_tcp_server *with = push_server(L, "with"), *without = push_server(L, "without");
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    for (int i = 0; i < 4; i++) {
        mp_listener *listener = with->listener;
        with->listener = without->listener;
        with->listener->server = with;
        without->listener = listener;
        listener->server = without;
        /* No reference is free: one more would need a larger table. */
        int size = (int)lua_rawlen(L, LUA_REGISTRYINDEX);
        for (int last = 0; last <= size;) {
            lua_pushboolean(L, true);
            last = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        update_without_memory(L, "with");
        update_without_memory(L, "without");
        assert_true(binding_has_prototype(L, with->listener));
        assert_false(binding_has_prototype(L, without->listener));
    }
    lua_close(L);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(prototypes_change_places_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
