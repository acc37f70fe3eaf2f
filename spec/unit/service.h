/*
 * A service that a test of C code runs turn by turn, and its clients.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <lualib.h>

#include "net/tcp_server.h"
#include "open.h"
#include "run/wait.h"

/* code, argument -> the code's results */
static inline int run_service(lua_State *L) {
    luaL_openlibs(L);
    luaL_requiref(L, "moonport", luaopen_moonport, 0);
    if (luaL_loadstring(L, lua_touserdata(L, 1)) != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
    return 1;
}

/* Starts the service in `code`, a script that gets `argument`. Its result stays on the stack. */
static inline binding_state *start_service(lua_State *L, const char *code, int argument) {
    assert_non_null(L);
    lua_pushcfunction(L, run_service);
    lua_pushlightuserdata(L, (void *)(uintptr_t)code);
    lua_pushinteger(L, argument);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    binding_state *state = binding_find(L);
    state->driver->looping = true;
    return state;
}

/* Runs what is queued, and what the system reports now. */
static inline void turn(binding_state *state) {
    mp_loop_settle(state->loop);
    ev_run(state->loop->ev, EVRUN_NOWAIT);
}

/* Connects to a service on the local machine. The connection is complete when the system has put it into the
   listener's queue. */
static inline int connect_client(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_true(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
    return fd;
}

#endif
