/*
 * Reading fails (the linker's --wrap for recv) after the system has taken only a part of the output, while
 * writing would still work. No peer can cause this at will. What errorOccurred's handler then writes must be
 * sent from memory that is still valid.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

static bool fails;

ssize_t __real_recv(int fd, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags);

ssize_t __wrap_recv(int fd, void *buffer, size_t size, int flags) {
    if (!fails)
        return __real_recv(fd, buffer, size, flags);
    errno = ECONNRESET;
    return -1;
}

static const char service[] = "local moonport = require 'moonport'\n"
                              "local socket = moonport.TcpSocket()\n"
                              "function socket:errorOccurred() assert(self:write(('y'):rep(5000))) end\n"
                              "function socket:stateChanged() collectgarbage() end\n"
                              "function socket:disconnected() gone = true end\n"
                              "socket:setHighWaterMark(0)\n"
                              "assert(socket:setSocketDescriptor(...))\n"
                              "socket:write(('x'):rep(4 << 20))\n";

static bool is_gone(lua_State *L) {
    bool gone = lua_getglobal(L, "gone") == LUA_TBOOLEAN;
    lua_pop(L, 1);
    return gone;
}

static void written_after_a_failed_read(void **unused) {
    static char received[1 << 16];
    int ends[2];
    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    lua_State *L = luaL_newstate();
    binding_state *state = start_service(L, service, ends[0]);
    turn(state);
    assert_int_equal(send(ends[1], "!", 1, MSG_NOSIGNAL), 1);
    fails = true;
    turn(state);
    fails = false;
    for (int i = 0; i < 1000 && !is_gone(L); i++) {
        ssize_t n = recv(ends[1], received, sizeof received, 0);
        for (ssize_t at = 0; at < n; at++)
            assert_true(received[at] == 'x' || received[at] == 'y');
        turn(state);
    }
    assert_true(is_gone(L));
    lua_close(L);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_after_a_failed_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
