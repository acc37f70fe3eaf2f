/*
 * --handler-timeout, where its timer ticks just as a handler has returned and the hook is removed: that ends
 * no other handler, and no hook stays on a coroutine. The test says how much processor time has passed, and
 * when the timer ticks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/watched.h"
#include "service.h"
#include "system/interrupt.h"
#include "watchdog.h"

#define TIMEOUT 1000.0 /* milliseconds */

double __wrap_mp_system_thread_cpu_time(void);
int __wrap_mp_system_set_cpu_timer(double msec);
void __real_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);
void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);

static double used;
static enum { NEVER, BEFORE, AFTER } when; /* a tick comes as a hook is removed */
static unsigned removed;

double __wrap_mp_system_thread_cpu_time(void) {
    return used;
}

int __wrap_mp_system_set_cpu_timer(double msec) {
    (void)msec;
    return 0;
}

/* Two ticks: the first one notes what runs, unless it is what ran before. */
static void tick(void) {
    (void)raise(SIGPROF);
    used += 2 * TIMEOUT;
    (void)raise(SIGPROF);
}

void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count) {
    if (!hook && when == BEFORE)
        (void)raise(SIGPROF);
    __real_lua_sethook(L, hook, mask, count);
    if (!hook && when == AFTER)
        (void)raise(SIGPROF);
    removed += !hook;
}

static int late(lua_State *L) {
    (void)L;
    tick();
    return 0;
}

/* A handler is late, and returns before its hook runs. Another one uses its coroutine again. */
static const char service[] =
    "local moonport = require 'moonport'\n"
    "moonport.singleShot(0, late)\n"
    "count = 0\n"
    "function go_on()\n"
    "  moonport.singleShot(0, function() for _ = 1, 100 do count = count + 1 end end)\n"
    "end\n";

static binding_state *start(program_watchdog *watchdog, const char *code) {
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    lua_register(L, "late", late);
    when = NEVER;
    removed = 0;
    binding_state *state = start_service(L, code, 0);
    state->loop->log_level = MP_LOG_NONE;
    binding_watch_coroutines(L, state);
    assert_true(program_start_watchdog(watchdog, state, TIMEOUT, 0));
    return state;
}

static lua_Integer count_of(binding_state *state) {
    lua_getglobal(state->L, "count");
    lua_Integer count = lua_tointeger(state->L, -1);
    lua_pop(state->L, 1);
    return count;
}

static void assert_no_hook(const binding_state *state) {
    assert_null(state->watch.late);
    for (mp_ring *link = state->tasks->all.next; link != &state->tasks->all; link = link->next)
        assert_null(lua_gethook(MP_CONTAINER(link, binding_task, link)->co));
}

static void ticks_as_the_hook_goes(int moment) {
    program_watchdog watchdog;
    binding_state *state = start(&watchdog, service);
    when = moment;
    for (int i = 0; i < 1000 && removed == 0; i++)
        turn(state);
    when = NEVER;
    assert_true(removed > 0);
    assert_no_hook(state);
    lua_getglobal(state->L, "go_on");
    lua_call(state->L, 0, 0);
    for (int i = 0; i < 1000 && count_of(state) == 0; i++)
        turn(state);
    assert_int_equal(count_of(state), 100);
    assert_int_equal(state->tasks->errors, 0);
    program_stop_watchdog(&watchdog);
    lua_close(state->L);
}

static void ticks_before_the_hook_goes(void **unused) {
    (void)unused;
    ticks_as_the_hook_goes(BEFORE);
}

static void ticks_after_the_hook_has_gone(void **unused) {
    (void)unused;
    ticks_as_the_hook_goes(AFTER);
}

/* But it ends a handler that goes on, also in a coroutine of the script's own. */
static void ends_what_goes_on(void **unused) {
    program_watchdog watchdog;
    binding_state *state = start(&watchdog,
                                 "local moonport = require 'moonport'\n"
                                 "moonport.singleShot(0, function() while true do late() end end)\n"
                                 "moonport.singleShot(0, function()\n"
                                 "  coroutine.wrap(function() while true do late() end end)()\n"
                                 "end)\n");
    (void)unused;
    for (int moment = NEVER; moment <= AFTER; moment++) {
        when = moment;
        for (int i = 0; i < 1000 && state->tasks->errors < 2; i++)
            turn(state);
    }
    assert_int_equal(state->tasks->errors, 2);
    assert_no_hook(state);
    program_stop_watchdog(&watchdog);
    lua_close(state->L);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_before_the_hook_goes),
        cmocka_unit_test(ticks_after_the_hook_has_gone),
        cmocka_unit_test(ends_what_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
