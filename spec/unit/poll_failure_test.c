/*
 * The poll can't watch a descriptor: epoll_ctl fails, as at the system's limit for watches or without memory.
 * libev then stops the watcher and reports it once; whoever ignores the report waits for ever.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/watcher.h"
#include "service.h"

static struct {
    int error;
    int times;
} failing;

static int the_poll;     /* libev's descriptor */
static int last_timeout; /* of the last wait, in milliseconds; -1 is for ever */

/* Overrides libc's, for libev. */
__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
    the_poll = epfd;
    if (op == EPOLL_CTL_DEL || failing.times == 0)
        return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
    failing.times--;
    errno = failing.error;
    return -1;
}

/* The same. Never waits. */
__attribute__((visibility("default"))) int epoll_wait(int epfd, struct epoll_event *events, int maxevents,
                                                      int timeout) {
    last_timeout = timeout;
    return (int)syscall(SYS_epoll_pwait, epfd, events, maxevents, 0, NULL, 0);
}

static void fail_with(int error, int times) {
    failing.error = error;
    failing.times = times;
}

static const char service[] = "local moonport = require 'moonport'\n"
                              "local server = moonport.TcpServer()\n"
                              "log = ''\n"
                              "local function note(word) log = log .. word .. ' ' end\n"
                              "function server:acceptError(code) note('acceptError ' .. code) end\n"
                              "function server.connection:readyRead() self:write(self:readAll()) end\n"
                              "function server.connection:errorOccurred(code) note(code) end\n"
                              "function server.connection:disconnected() note 'disconnected' end\n"
                              "function connect(port)\n"
                              "  local socket = moonport.TcpSocket()\n"
                              "  function socket:connected() note 'connected' end\n"
                              "  function socket:errorOccurred(code) note(code) end\n"
                              "  socket:connectToHost('127.0.0.1', port)\n"
                              "end\n"
                              "assert(server:listen '127.0.0.1')\n"
                              "return server:serverPort()\n";

static lua_State *L;
static binding_state *state;
static int port;

static int start(void **fixture) {
    (void)fixture;
    L = luaL_newstate();
    fail_with(0, 0);
    state = start_service(L, service, 0);
    state->loop->log_level = MP_LOG_NONE;
    port = (int)lua_tointeger(L, -1);
    return 0;
}

static int end(void **fixture) {
    (void)fixture;
    fail_with(0, 0);
    lua_close(L);
    return 0;
}

static const char *told(void) {
    lua_getglobal(L, "log");
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static void turns(void) {
    for (int i = 0; i < 10; i++)
        turn(state);
}

static void served(void) {
    char byte = 0;
    int fd = connect_client(port);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    turns();
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    turns();
}

static const int errors[] = {ENOSPC, ENOMEM};

static void ends_a_connection_with_an_error(void **fixture) {
    (void)fixture;
    for (int i = 0; i < 2; i++) {
        char byte;
        turns(); /* the poll watches the listener */
        int fd = connect_client(port);
        fail_with(errors[i], 1);
        turns();
        assert_int_equal(failing.times, 0);
        assert_string_equal(told(), "SocketResourceError disconnected ");
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        close(fd);
        lua_pushliteral(L, "");
        lua_setglobal(L, "log");
    }
    served();
}

static void tells_of_a_listener_and_tries_it_again(void **fixture) {
    (void)fixture;
    fail_with(ENOSPC, 1);
    turns();
    assert_string_equal(told(), "acceptError SocketResourceError ");
    mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
    served();
}

static void takes_no_attempt_for_a_connection(void **fixture) {
    (void)fixture;
    turns();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    lua_getglobal(L, "connect");
    lua_pushinteger(L, ntohs(address.sin_port));
    lua_call(L, 1, 0);
    fail_with(ENOSPC, 1);
    turns();
    assert_int_equal(failing.times, 0);
    assert_string_equal(told(), "SocketResourceError ");
    close(listener);
}

static int words; /* of a readable descriptor, and at last of one that can't be watched */

static void on_readable(mp_readable *readable) {
    words += readable->deaf ? 100 : 1;
}

static void tells_who_reads_that_it_is_deaf(void **fixture) {
    mp_readable readable;
    int ends[2];
    (void)fixture;
    turns();
    words = 0;
    assert_int_equal(pipe(ends), 0);
    mp_readable_start(&readable, state->loop, ends[0], on_readable);
    assert_int_equal(write(ends[1], "x", 1), 1);
    turn(state);
    assert_int_equal(words, 1);
    mp_readable_stop(&readable);
    mp_readable_start(&readable, state->loop, ends[0], on_readable);
    fail_with(ENOSPC, 1);
    turns();
    assert_int_equal(words, 101);
    mp_readable_stop(&readable);
    close(ends[0]);
    close(ends[1]);
}

/* libev makes a new poll when the old one reports a descriptor that it must not watch any more. */
static void notices_that_a_new_poll_watches_nothing(void **fixture) {
    struct epoll_event stale = {.events = EPOLLIN};
    int ends[2];
    (void)fixture;
    turns();
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    stale.data.u64 = UINT64_MAX << 32 | (uint32_t)ends[0];
    assert_int_equal(syscall(SYS_epoll_ctl, the_poll, EPOLL_CTL_ADD, ends[0], &stale), 0);
    fail_with(ENOMEM, 100);
    turn(state);
    mp_loop_run_once(state->loop);
    assert_int_equal(last_timeout, 0);
    assert_string_equal(told(), "acceptError SocketResourceError ");
    fail_with(0, 0);
    mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
    served();
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ends_a_connection_with_an_error, start, end),
        cmocka_unit_test_setup_teardown(tells_of_a_listener_and_tries_it_again, start, end),
        cmocka_unit_test_setup_teardown(takes_no_attempt_for_a_connection, start, end),
        cmocka_unit_test_setup_teardown(tells_who_reads_that_it_is_deaf, start, end),
        cmocka_unit_test_setup_teardown(notices_that_a_new_poll_watches_nothing, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
