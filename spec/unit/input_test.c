/*
 * Input that becomes strings without a copy: the bytes are right, the strings stay valid as long as they are
 * referenced, and their memory is reused, or returned on demand. If the memory can't be given to a string, or
 * all of it is in use, the strings are copies.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lualib.h>

#include "open.h"
#include "memory/input.h"
#include "memory/pool.h"
#include "resident.h"

static lua_State *L;

/* `get(text, take)` has a client send `text`. It returns the array of results of `take(socket)`, which the
   server's handler calls until everything has arrived. `kept(array)` counts the strings in it that are
   input. */
static const char tools[] =
    "local moonport = require 'moonport'\n"
    "local server, client, got = moonport.TcpServer(), moonport.TcpSocket()\n"
    "function server.connection:readyRead()\n"
    "  local text = take(self)\n"
    "  if text then got[#got + 1], got.size = text, got.size + #text end\n"
    "end\n"
    "assert(server:listen '127.0.0.1')\n"
    "client:connectToHost('127.0.0.1', server:serverPort())\n"
    "assert(client:waitForConnected(5000))\n"
    "function get(text, taker)\n"
    "  got, take = { size = 0 }, taker or function(socket) return socket:readAll() end\n"
    "  client:write(text)\n"
    "  for _ = 1, 5000 do if got.size >= #text then break end moonport.sleep(1) end\n"
    "  assert(table.concat(got) == text)\n"
    "  return got\n"
    "end\n"
    "function kept(array)\n"
    "  local n = 0\n"
    "  for _, text in ipairs(array) do if isInput(text) then n = n + 1 end end\n"
    "  return n\n"
    "end\n"
    "function pattern(size, i) return (('%d;'):format(i):rep(size // 2)):sub(1, size) end\n"
    "function finish() client:abort() server:close() moonport.sleep(0) end\n";

static int is_input(lua_State *M) {
    lua_pushboolean(M, program_is_input(lua_tostring(M, 1)));
    return 1;
}

/* A place in the middle of a string, and whether there is memory behind it. */
static int middle_of(lua_State *M) {
    size_t size;
    const char *text = lua_tolstring(M, 1, &size);
    lua_pushlightuserdata(M, (void *)(uintptr_t)(text + size / 2));
    return 1;
}

static int has_memory(lua_State *M) {
    lua_pushboolean(M, is_resident(lua_touserdata(M, 1)));
    return 1;
}

static int trim(lua_State *M) {
    (void)M;
    program_trim_input();
    return 0;
}

static void run(const char *script) {
    if (luaL_dostring(L, script) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

static void keeps_what_a_handler_reads_at_once(void **state) {
    (void)state;
    run("local all = {}\n"
        "for i = 1, 8 do all[i] = get(pattern(131072, i)) end\n"
        "local n = 0\n"
        "for i = 1, 8 do n = n + kept(all[i]) collectgarbage() end\n"
        "assert(n > 0)\n"
        "for i = 1, 8 do assert(table.concat(all[i]) == pattern(131072, i)) end\n"
        "local set = { [all[1][1]] = true }\n" /* as a key, and as an operand */
        "assert(set[pattern(131072, 1):sub(1, #all[1][1])] and all[1][1] < all[2][1] and all[1][1]:byte(-1))\n");
}

static void uses_memory_again_and_copies_when_there_is_none(void **state) {
    (void)state;
    run("for round = 1, 3 do\n"
        "  local all, n = {}, 0\n"
        "  for i = 1, 60 do all[i] = get(pattern(131072, i)) n = n + kept(all[i]) end\n"
        "  assert(n > 0 and n <= UNITS, n)\n"
        "  for i = 1, 60 do assert(table.concat(all[i]) == pattern(131072, i)) end\n"
        "  all = nil collectgarbage()\n"
        "end\n"
        "local n = 0\n"
        "for i = 1, 60 do n = n + kept(get(pattern(131072, i))) collectgarbage() end\n"
        "assert(n > UNITS, n)\n");
}

static void gives_memory_back(void **state) {
    (void)state;
    run("for round = 1, 3 do\n"
        "  local all, places = {}, {}\n"
        "  for i = 1, 8 do\n"
        "    all[i] = get(pattern(131072, i))\n"
        "    for _, text in ipairs(all[i]) do if isInput(text) then places[#places + 1] = middleOf(text) end end\n"
        "  end\n"
        "  assert(#places > 0)\n"
        "  all = nil collectgarbage()\n"
        "  for _, place in ipairs(places) do assert(hasMemory(place)) end\n"
        "  trim()\n"
        "  local n = 0\n"
        "  for _, place in ipairs(places) do if hasMemory(place) then n = n + 1 end end\n"
        "  assert(n <= 1, n)\n" /* the one that the loop receives into */
        "end\n");
}

static void copies_what_is_small_or_not_all(void **state) {
    (void)state;
    run("assert(kept(get(pattern(10000, 1))) == 0)\n"
        "assert(kept(get(pattern(131072, 2), function(socket)\n"
        "  return socket:read(socket:bytesAvailable() - 1) .. socket:read(1) end)) == 0)\n"
        "assert(kept(get(pattern(131072, 3), function(socket)\n"
        "  local first = socket:read(1) return first .. socket:readAll() end)) == 0)\n"
        "assert(kept(get(pattern(131072, 4), function(socket)\n"
        "  local first = socket:read(1) socket:ungetChar(first) return socket:readAll() end)) >= 0)\n"
        "assert(kept(get(pattern(131072, 5), function(socket)\n"
        "  socket:startTransaction() local text = socket:readAll() socket:rollbackTransaction()\n"
        "  assert(#text == socket:bytesAvailable()) return socket:readAll() end)) >= 0)\n"
        "assert(kept(get(pattern(131072, 6), function(socket) return socket:read(1 << 20) end)) >= 0)\n"
        "get(pattern(131072, 7), function(socket) if socket:bytesAvailable() == 131072 then return socket:readAll() end end)\n");
}

static const binding_host host = {.adopt = program_adopt_input};

static int open_state(void **state) {
    (void)state;
    L = luaL_newstate();
    program_pool_memory(L);
    luaL_openlibs(L);
    binding_state *moonport = binding_open(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_insert(L, -2);
    lua_setfield(L, -2, "moonport");
    lua_pop(L, 1);
    lua_register(L, "isInput", is_input);
    lua_register(L, "middleOf", middle_of);
    lua_register(L, "hasMemory", has_memory);
    lua_register(L, "trim", trim);
    lua_pushinteger(L, INPUT_TEST);
    lua_setglobal(L, "UNITS");
    program_lend_input(L, moonport);
    moonport->host = &host;
    return luaL_dostring(L, tools) == LUA_OK ? 0 : -1;
}

static int close_state(void **state) {
    (void)state;
    run("finish()");
    lua_close(L);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_a_handler_reads_at_once),
        cmocka_unit_test(uses_memory_again_and_copies_when_there_is_none),
        cmocka_unit_test(gives_memory_back),
        cmocka_unit_test(copies_what_is_small_or_not_all),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
