/*
 * How many times a server calls accept4, counted by the linker's --wrap: once for each client, and more and
 * more at once for a crowd. The tests simulate shortages of descriptors and other errors, to see that their
 * beginning and end are noticed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

static struct {
    int error; /* of each failing call, 0 = none */
    int times; /* the number of calls that fail */
    int made, in_vain;
} accepts;

int __real_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags);

int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *size, int flags) {
    if (accepts.error != 0 && accepts.times > 0) {
        accepts.times--;
        errno = accepts.error;
        return -1;
    }
    int fd = __real_accept4(listener, address, size, flags);
    if (fd < 0)
        accepts.in_vain++;
    else
        accepts.made++;
    return fd;
}

static const char service[] =
    "local moonport = require 'moonport'\n"
    "local server = moonport.TcpServer()\n"
    "function server.connection:readyRead() self:write(self:readAll()) end\n"
    "shortages = 0\n"
    "function server:acceptError(code) shortages = shortages + 1; error = code end\n"
    "assert(server:listen '127.0.0.1')\n"
    "return server:serverPort()\n";

static int start(void **fixture) {
    lua_State *L = luaL_newstate();
    accepts.error = 0;
    start_service(L, service, 0)->loop->log_level = MP_LOG_NONE;
    accepts.made = accepts.in_vain = 0;
    *fixture = L;
    return 0;
}

static int end(void **fixture) {
    lua_close(*fixture);
    return 0;
}

static int port_of(lua_State *L) {
    return (int)lua_tointeger(L, 1);
}

static int say(lua_State *L, char c) {
    int fd = connect_client(port_of(L));
    assert_int_equal(send(fd, &c, 1, MSG_NOSIGNAL), 1);
    return fd;
}

static void hear(int fd, char c) {
    char answer = 0;
    assert_int_equal(recv(fd, &answer, 1, 0), 1);
    assert_int_equal(answer, c);
}

static void answers_each_client_in_the_turn_that_accepts_it_once(void **fixture) {
    for (int i = 0; i < 10; i++) {
        int fd = say(*fixture, (char)('0' + i));
        turn(binding_find(*fixture));
        hear(fd, (char)('0' + i));
        close(fd);
        turn(binding_find(*fixture));
    }
    assert_int_equal(accepts.made, 10);
    assert_int_equal(accepts.in_vain, 0);
}

static void takes_more_of_a_crowd_in_each_turn(void **fixture) {
    int clients[100], turns = 0;
    for (int i = 0; i < 100; i++)
        clients[i] = say(*fixture, (char)i);
    for (; turns < 100 && accepts.made < 100; turns++)
        turn(binding_find(*fixture));
    assert_int_equal(turns, 7); /* 1, 2, 4, 8, 16, 32, 64 */
    assert_int_equal(accepts.in_vain, 1);
    for (int i = 0; i < 100; i++) {
        hear(clients[i], (char)i);
        close(clients[i]);
    }
    turn(binding_find(*fixture));
}

static void takes_no_more_than_others_have_patience_for(void **fixture) {
    binding_state *state = binding_find(*fixture);
    const int expected[] = {9, 18, 36, 64, 64, 9};
    int clients[200], taken;
    for (int i = 0; i < 24; i++) /* 1, 2, 4, 8 and 9 of 16 */
        clients[i] = say(*fixture, 'x');
    for (int i = 0; i < 5; i++)
        turn(state);
    assert_int_equal(accepts.made, 24);
    for (int i = 0; i < 24; i++)
        close(clients[i]);
    turn(state);
    turn(state);
    for (int i = 0; i < 200; i++)
        clients[i] = say(*fixture, 'x');
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        taken = accepts.made;
        turn(state);
        assert_int_equal(accepts.made - taken, expected[i]);
    }
    for (int i = 0; i < 200; i++)
        close(clients[i]);
    turn(state);
}

static void fail_with(int error, int times) {
    accepts.error = error;
    accepts.times = times;
}

static int shortages(lua_State *L) {
    lua_getglobal(L, "shortages");
    int count = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return count;
}

static void tells_of_each_shortage_once(void **fixture) {
    binding_state *state = binding_find(*fixture);
    for (int i = 1; i <= 3; i++) {
        int freed = say(*fixture, 'a');
        turn(state);
        fail_with(EMFILE, INT_MAX);
        int waiting = say(*fixture, 'b');
        turn(state);
        turn(state);
        assert_int_equal(shortages(*fixture), i);
        close(freed);
        turn(state);
        assert_int_equal(shortages(*fixture), i); /* one client has left, but the shortage continues */
        turn(state);
        assert_int_equal(shortages(*fixture), i);
        fail_with(0, 0);
        mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
        turn(state);
        hear(waiting, 'b');
        close(waiting);
        turn(state);
    }
}

/* accept(2): network errors concern the next client, and the server must skip them. */
static void passes_over_clients_that_have_gone(void **fixture) {
    static const int errors[] = {ECONNABORTED, EPROTO, ENOPROTOOPT, EHOSTDOWN,  EHOSTUNREACH,
                                 ENETDOWN,     ENONET, EOPNOTSUPP,  ENETUNREACH};
    binding_state *state = binding_find(*fixture);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int fd = say(*fixture, 'a');
        fail_with(errors[i], 3);
        for (int k = 0; k < 4; k++)
            turn(state);
        hear(fd, 'a');
        close(fd);
        turn(state);
    }
    assert_int_equal(shortages(*fixture), 0);
}

static const char *code(lua_State *L) {
    lua_getglobal(L, "error");
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

/* The server must neither loop for ever nor report a lack of descriptors. */
static void tells_what_stands_in_the_way_and_rests(void **fixture) {
    static const struct {
        int error;
        const char *code;
    } rows[] = {
        {EPERM, "SocketAccessError"},
        {EINVAL, "NetworkError"},
        {ENOBUFS, "SocketResourceError"},
        {EPROTO, "NetworkError"},
        {EBADF, "UnsupportedSocketOperationError"},
    };
    binding_state *state = binding_find(*fixture);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        int fd = say(*fixture, 'a');
        fail_with(rows[i].error, 1000);
        for (int k = 0; k < 200; k++)
            turn(state);
        assert_in_range(accepts.times, 1000 - 70, 999); /* each client may have left; and one try */
        assert_int_equal(shortages(*fixture), i + 1);
        assert_string_equal(code(*fixture), rows[i].code);
        fail_with(0, 0);
        mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
        turn(state);
        turn(state);
        hear(fd, 'a');
        close(fd);
        turn(state);
        turn(state);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_each_client_in_the_turn_that_accepts_it_once, start, end),
        cmocka_unit_test_setup_teardown(takes_more_of_a_crowd_in_each_turn, start, end),
        cmocka_unit_test_setup_teardown(takes_no_more_than_others_have_patience_for, start, end),
        cmocka_unit_test_setup_teardown(tells_of_each_shortage_once, start, end),
        cmocka_unit_test_setup_teardown(passes_over_clients_that_have_gone, start, end),
        cmocka_unit_test_setup_teardown(tells_what_stands_in_the_way_and_rests, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
