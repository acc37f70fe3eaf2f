/*
 * Waits and tasks, where memory runs out in the middle of them, and where very many wait for one object.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "failing_allocation.h"
#include "run/work.h"
#include "service.h"

static int refer(lua_State *L) {
    lua_pushboolean(L, true);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* -> ; from here on there is no memory for Lua, and no room in the registry. */
static int starve(lua_State *L) {
    int status = LUA_OK;
    while (status == LUA_OK) {
        lua_pushcfunction(L, refer);
        status = lua_pcall(L, 0, 0, 0);
        lua_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    }
    assert_int_equal(status, LUA_ERRMEM);
    return 0;
}

static int feed(lua_State *L) {
    (void)L;
    lua_failure.armed = false;
    return 0;
}

/* What Lua raises outside of a protected call ends the process. */
static int panic(lua_State *L) {
    lua_failure.armed = false;
    fail_msg("an error that nothing catches: %s", lua_tostring(L, -1));
    return 0;
}

static binding_state *start(const char *code) {
    lua_State *L = lua_newstate(allocate, NULL);
    assert_non_null(L);
    lua_atpanic(L, panic);
    lua_register(L, "starve", starve);
    lua_register(L, "feed", feed);
    binding_state *state = start_service(L, code, 0);
    state->loop->log_level = MP_LOG_NONE;
    return state;
}

/* Runs until so many tasks have failed. */
static void await_errors(binding_state *state, uint64_t count) {
    for (int i = 0; i < 1000 && state->tasks->errors < count; i++)
        turn(state);
    lua_failure.armed = false;
    assert_int_equal(state->tasks->errors, count);
    assert_int_equal(state->tasks->count, 0);
}

/* --- without memory ------------------------------------------------------------------------------------- */

/* A wait that raises hasn't begun: a handler that catches the error, and then yields, isn't taken for one
   that waits. */
static void a_wait_that_raises_has_not_begun(void **unused) {
    binding_state *state = start("local moonport = require 'moonport'\n"
                                 "local condition = moonport.Condition()\n"
                                 "moonport.singleShot(0, function()\n"
                                 "  local wait = condition.wait\n"
                                 "  pcall(wait, condition, 0)\n"
                                 "  starve()\n"
                                 "  local ok, message = pcall(wait, condition)\n"
                                 "  feed()\n"
                                 "  result = tostring(ok) .. ': ' .. message\n"
                                 "  coroutine.yield()\n"
                                 "  result = 'it goes on'\n"
                                 "end)\n");
    (void)unused;
    await_errors(state, 1);
    lua_getglobal(state->L, "result");
    assert_string_equal(lua_tostring(state->L, -1), "false: not enough memory");
    lua_close(state->L);
}

/* What the host itself says to a task that fails needs no memory: no call would catch that error. */
static void a_handler_that_yields_without_memory(void **unused) {
    binding_state *state = start("require('moonport').singleShot(0, function()\n"
                                 "  local yield = coroutine.yield\n"
                                 "  starve()\n"
                                 "  yield()\n"
                                 "end)\n");
    (void)unused;
    await_errors(state, 1);
    lua_close(state->L);
}

static void a_lost_coroutine_without_memory(void **unused) {
    binding_state *state = start("local moonport = require 'moonport'\n"
                                 "local condition, waiting = moonport.Condition(), nil\n"
                                 "moonport.singleShot(0, function()\n"
                                 "  waiting = coroutine.running()\n"
                                 "  condition:wait()\n"
                                 "end)\n"
                                 "local timer = moonport.Timer()\n"
                                 "function timer:timeout()\n"
                                 "  if not waiting then return end\n"
                                 "  self:stop()\n"
                                 "  assert(coroutine.close(waiting))\n"
                                 "  condition:notify()\n"
                                 "  starve()\n"
                                 "end\n"
                                 "timer:start(0)\n");
    (void)unused;
    await_errors(state, 1);
    lua_close(state->L);
}

/* --- many waiters --------------------------------------------------------------------------------------- */

enum { MANY = 64, PAGE = 4096 };

/* Each wait lies in a page of its own. */
static char *pages;
static unsigned tests;

static binding_wait *nth(int n) {
    return (binding_wait *)(void *)(pages + (size_t)n * PAGE);
}

static bool is_odd(const binding_wait *wait) {
    tests++;
    return wait->mark % 2 == 1;
}

static bool is_anything(const binding_wait *wait) {
    (void)wait;
    tests++;
    return true;
}

static void begin(mp_object *object, int n, bool (*test)(const binding_wait *wait)) {
    *nth(n) = (binding_wait){.object = object,
                             .loop = object->loop,
                             .test = test,
                             .signals = MP_SIGNAL_BIT(MP_SIGNAL_TIMEOUT),
                             .mark = (uint64_t)n,
                             .outcome = WAIT_RUNNING};
    binding_link_wait(nth(n));
}

/* Starts a state with an object to wait for, and maps pages for MANY waits and one more. */
static mp_object *start_many(binding_state **state) {
    *state = start("timer = require('moonport').Timer() timer:start(60000)\n");
    lua_State *L = (*state)->L;
    lua_getglobal(L, "timer");
    mp_object *object = binding_object(lua_touserdata(L, -1));
    lua_pop(L, 1);
    pages = mmap(NULL, (MANY + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    return object;
}

static void end_many(binding_state *state) {
    munmap(pages, (MANY + 1) * PAGE);
    lua_close(state->L);
}

/* One that begins or ends looks at its neighbours alone, however many wait: the others can't be read
   meanwhile. */
static void a_wait_touches_its_neighbours_alone(void **unused) {
    binding_state *state;
    mp_object *object = start_many(&state);
    (void)unused;
    for (int i = 0; i < MANY; i++)
        begin(object, i, is_anything);
    assert_int_equal(mprotect(pages + 3 * PAGE, (MANY - 6) * PAGE, PROT_NONE), 0);
    begin(object, MANY, is_anything);
    binding_end_wait(nth(MANY), WAIT_CANCELLED);
    binding_end_wait(nth(MANY - 1), WAIT_CANCELLED);
    binding_end_wait(nth(0), WAIT_CANCELLED);
    binding_end_wait(nth(1), WAIT_CANCELLED);
    assert_int_equal(mprotect(pages, MANY * PAGE, PROT_READ | PROT_WRITE), 0);
    for (int i = 2; i < MANY - 1; i++)
        binding_end_wait(nth(i), WAIT_CANCELLED);
    assert_null(binding_box_of(object)->waits);
    end_many(state);
}

/* A signal looks at each wait once: those that it ends, and those that it doesn't. */
static void a_signal_tests_each_wait_once(void **unused) {
    binding_state *state;
    mp_object *object = start_many(&state);
    (void)unused;
    for (int i = 0; i < MANY; i++)
        begin(object, i, is_odd);
    tests = 0;
    binding_wake(object, MP_SIGNAL_BIT(MP_SIGNAL_READY_READ));
    assert_int_equal(tests, 0);
    binding_wake(object, MP_SIGNAL_BIT(MP_SIGNAL_TIMEOUT));
    assert_int_equal(tests, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(nth(i)->outcome, i % 2 == 1 ? WAIT_READY : WAIT_RUNNING);
        nth(i)->test = is_anything;
    }
    binding_wake(object, MP_SIGNAL_BIT(MP_SIGNAL_TIMEOUT));
    assert_int_equal(tests, MANY + MANY / 2);
    assert_null(binding_box_of(object)->waits);
    end_many(state);
}

int main(void) {
    const struct CMUnitTest tests_of_waits[] = {
        cmocka_unit_test(a_wait_that_raises_has_not_begun),
        cmocka_unit_test(a_handler_that_yields_without_memory),
        cmocka_unit_test(a_lost_coroutine_without_memory),
        cmocka_unit_test(a_wait_touches_its_neighbours_alone),
        cmocka_unit_test(a_signal_tests_each_wait_once),
    };
    return cmocka_run_group_tests(tests_of_waits, NULL, NULL);
}
