/*
 * For every n, the n-th allocation fails: of Lua's allocator, and of host/'s malloc, calloc and realloc (the
 * linker's --wrap). Accept, echo, wait, handler error and close must not crash, leak or abort, and afterwards
 * the service must answer again. Either that one allocation fails, or all from then on.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "clock.h"
#include "service.h"

static const char service[] =
    /* Lua 5.4 itself never recovers if its first large buffer fails half-way, so it is made before. */
    "_ = (' '):rep(20000)\n"
    "local moonport = require 'moonport'\n"
    "local server = moonport.TcpServer()\n"
    "server:setIdleTimeout(60000)\n"
    "moonport.onError(function(text) return #text end)\n"
    "function server.connection:readyRead()\n"
    "  local request = self:readAll()\n"
    "  if request == 'wait' then\n"
    "    self:write(self:receive(4, 1000) or 'late')\n"
    "  elseif request == 'spawn' then\n"
    "    local task = moonport.spawn(function(...) moonport.sleep(0) return ... end, request)\n"
    "    self:write(tostring(task:join(1000)))\n"
    "  elseif request == 'late' then\n"
    "    self:setSocketOption('SendBufferSizeSocketOption', 1)\n"
    "    for _ = 1, 4 do self:write(('x'):rep(4000)) moonport.sleep(0) end\n"
    "  elseif request == 'fail' then\n"
    "    error({ 'on purpose' })\n"
    "  else\n"
    "    self.count = (self.count or 0) + 1\n"
    "    self:write(request .. (' '):rep(20000))\n"
    "  end\n"
    "end\n"
    "moonport.connect(server, 'pendingConnectionAvailable', function() end)\n"
    "function server.connection:disconnected() self.gone = self:peerAddress() end\n"
    "assert(server:listen '127.0.0.1')\n"
    "return server:serverPort()\n";

static void say(binding_state *state, int fd, const char *text) {
    char answer[4096];
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    for (int i = 0; i < 8; i++) {
        turn(state);
        while (recv(fd, answer, sizeof answer, 0) > 0)
            continue;
    }
}

static void scenario(binding_state *state, int port) {
    int fd = connect_client(port);
    say(state, fd, "echo");
    say(state, fd, "wait");
    say(state, fd, "over");
    say(state, fd, "spawn");
    say(state, fd, "fail");
    close(fd);
    /* Two at once, and the peer of one doesn't read: its output, sent from where it lies, must then be
       copied. */
    fd = connect_client(port);
    int late = connect_client(port), least = 1;
    (void)setsockopt(late, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    (void)send(late, "late", 4, MSG_NOSIGNAL);
    say(state, fd, "echo");
    say(state, fd, "echo");
    close(fd);
    close(late);
    for (int i = 0; i < 8; i++)
        turn(state);
}

static void assert_answers(binding_state *state, int port) {
    char answer[4];
    int fd = connect_client(port);
    ssize_t n = -1;
    assert_int_equal(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
    for (int i = 0; i < 5000 && n < 0; i++) {
        turn(state);
        n = recv(fd, answer, sizeof answer, 0);
        if (n < 0)
            pass(1);
    }
    assert_int_equal(n, 4);
    assert_memory_equal(answer, "ping", 4);
    close(fd);
}

/* Runs the scenario on a new service; false if it made fewer allocations than would fail. */
static bool try_failure(failure *which, unsigned from, unsigned to) {
    lua_State *L = lua_newstate(allocate, NULL);
    binding_state *state = start_service(L, service, 0);
    int port = (int)lua_tointeger(L, -1);
    state->loop->log_level = MP_LOG_NONE;
    *which = (failure){.armed = true, .from = from, .to = to};
    scenario(state, port);
    which->armed = false;
    bool reached = which->count >= from;
    assert_answers(state, port);
    lua_close(L);
    return reached;
}

/* A client waits until there is memory for its socket; it isn't rejected. */
static void keeps_a_client_until_there_is_a_socket(void **unused) {
    lua_State *L = lua_newstate(allocate, NULL);
    binding_state *state = start_service(L, service, 0);
    int port = (int)lua_tointeger(L, -1);
    char byte;
    (void)unused;
    state->loop->log_level = MP_LOG_NONE;
    assert_answers(state, port);
    lua_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    int fd = connect_client(port);
    for (int i = 0; i < 5; i++)
        turn(state);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    lua_failure.armed = false;
    mp_tcp_server_resume(mp_tcp_server_next(mp_network_of(state->loop), NULL));
    assert_int_equal(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
    for (int i = 0; i < 5; i++)
        turn(state);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    assert_answers(state, port);
    /* If a client still waits when the service ends, nothing is left behind. */
    lua_failure = (failure){.armed = true, .from = 1, .to = UINT_MAX};
    fd = connect_client(port);
    for (int i = 0; i < 5; i++)
        turn(state);
    lua_failure.armed = false;
    lua_close(L);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEPS(try_failure, 5, 5),
        cmocka_unit_test(keeps_a_client_until_there_is_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
