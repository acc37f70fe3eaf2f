/*
 * libev's own allocations fail, and nothing ends the process: the reserve provides memory, and no more is
 * watched until it is whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_allocation.h"
#include "loop/reserve.h"
#include "service.h"

enum { MANY = 1500 }; /* more than any of libev's tables has room for at first */

static void fail_from_now_on(void) {
    host_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
}

static void recover(void) {
    host_failure.armed = false;
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents) {
    (void)ev, (void)revents;
    ++*(int *)timer->data;
}

static void serves_when_the_system_has_nothing(void **state) {
    static ev_timer timers[MANY];
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
    int begun, runs = 0;
    (void)state;
    assert_non_null(ev);
    assert_true(mp_reserve_is_whole());
    fail_from_now_on();
    for (begun = 0; begun < MANY && mp_reserve_is_whole(); begun++) {
        ev_timer_init(&timers[begun], on_timer, 0., 0.);
        timers[begun].data = &runs;
        ev_timer_start(ev, &timers[begun]);
    }
    assert_in_range(begun, 1, MANY - 1); /* it watched until it was refused */
    assert_false(mp_reserve_is_whole());
    ev_run(ev, 0);
    assert_int_equal(runs, begun);
    recover();
    assert_true(mp_reserve_is_whole());
    for (int i = 0; i < MANY; i++) {
        ev_timer_init(&timers[i], on_timer, 0., 0.);
        timers[i].data = &runs;
        ev_timer_start(ev, &timers[i]);
    }
    runs = 0;
    ev_run(ev, 0);
    assert_int_equal(runs, MANY);
    ev_loop_destroy(ev);
    assert_true(mp_reserve_is_whole());
}

static void serves_again_after_each_shortage(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct ev_loop *ev[4];
        ev_timer timer;
        int runs = 0;
        for (int k = 0; k < 4; k++) { /* each comes from the reserve, and some outlive it */
            assert_true(mp_reserve_is_whole());
            fail_from_now_on();
            ev[k] = ev_loop_new(EVFLAG_AUTO);
            recover();
            assert_non_null(ev[k]);
        }
        for (int k = 0; k < 4; k++) {
            ev_timer_init(&timer, on_timer, 0., 0.);
            timer.data = &runs;
            ev_timer_start(ev[k], &timer);
            ev_run(ev[k], 0);
            ev_loop_destroy(ev[k]);
        }
        assert_int_equal(runs, 4);
    }
}

static const char service[] = "local moonport = require 'moonport'\n"
                              "local server = moonport.TcpServer()\n"
                              "server:setMaxPendingConnections(10000)\n"
                              "shortages = 0\n"
                              "local timer = moonport.Timer()\n"
                              "function server:acceptError(code)\n"
                              "  shortages = shortages + 1\n"
                              "  _, message = pcall(timer.start, timer, 1)\n"
                              "end\n"
                              "function server.connection:readyRead() self:write(self:readAll()) end\n"
                              "assert(server:listen '127.0.0.1')\n"
                              "return server:serverPort()\n";

static int number(lua_State *L, const char *name) {
    lua_getglobal(L, name);
    int value = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static int say(int port) {
    int fd = connect_client(port);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    return fd;
}

static void hear(binding_state *state, int fd) {
    char byte = 0;
    ssize_t n = -1;
    for (int i = 0; i < 1000 && n < 0; i++) {
        turn(state);
        n = recv(fd, &byte, 1, 0);
    }
    assert_int_equal(n, 1);
    close(fd);
}

static void accepting_rests_and_everybody_is_served_in_the_end(void **unused) {
    static int clients[MANY];
    lua_State *L = lua_newstate(allocate, NULL);
    binding_state *state = start_service(L, service, 0);
    int port = (int)lua_tointeger(L, -1), count = 0;
    (void)unused;
    state->loop->log_level = MP_LOG_NONE;
    hear(state, say(port)); /* from now on there is a coroutine for handlers */
    fail_from_now_on();
    while (count < MANY && number(L, "shortages") == 0) {
        clients[count++] = say(port);
        turn(state);
    }
    assert_in_range(count, 1, MANY - 1);
    lua_getglobal(L, "message");
    assert_non_null(strstr(lua_tostring(L, -1), "not enough memory"));
    lua_pop(L, 1);
    recover();
    mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
    for (int i = 0; i < count; i++)
        hear(state, clients[i]);
    assert_int_equal(number(L, "shortages"), 1);
    turn(state);
    lua_close(L);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_when_the_system_has_nothing),
        cmocka_unit_test(serves_again_after_each_shortage),
        cmocka_unit_test(accepting_rests_and_everybody_is_served_in_the_end),
    };
    return mp_reserve_set_aside() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
