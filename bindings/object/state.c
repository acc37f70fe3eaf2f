/*
 * Where the state of the bindings is stored, and the names of the classes; see state.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/state.h"

#include <string.h>

/* Registry key. */
static const char state_key = 0;

static const char *const class_names[CLASS_COUNT] = {
    [MP_TCP_SERVER] = "TcpServer",
    [MP_TCP_SOCKET] = "TcpSocket",
    [MP_TIMER] = "Timer",
    [MP_SSL_SERVER] = "SslServer",
    [MP_SSL_SOCKET] = "SslSocket",
    [MP_LOCAL_SERVER] = "LocalServer",
    [MP_LOCAL_SOCKET] = "LocalSocket",
    [MP_UDP_SOCKET] = "UdpSocket",
    [MP_PROCESS] = "Process",
    [CLASS_HOST_ADDRESS] = "HostAddress",
    [CLASS_TASK] = "Task",
    [CLASS_CONNECTION] = "Connection",
    [CLASS_LOOKUP] = "Lookup",
    [CLASS_PIPE] = "Pipe",
    [CLASS_FILE_SENDER] = "FileSender",
    [CLASS_JOB] = "Job",
    [CLASS_SSL_CERTIFICATE] = "SslCertificate",
    [CLASS_SSL_KEY] = "SslKey",
    [CLASS_SSL_CONFIGURATION] = "SslConfiguration",
    [CLASS_SEMAPHORE] = "Semaphore",
    [CLASS_TOKEN] = "SemaphoreToken",
    [CLASS_CONDITION] = "Condition",
    [CLASS_CHANNEL] = "Channel",
    [CLASS_DATAGRAM_INFO] = "DatagramInfo",
    [CLASS_WEBSOCKET] = "WebSocket",
};

const char *binding_kind_name(int class) {
    return class_names[class];
}

static lua_State *main_thread(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    return thread;
}

/* It is the first userdata with a finaliser, so lua_close finalises it after all objects. */
binding_state *binding_new_state(lua_State *L, lua_CFunction gc) {
    binding_state *state = lua_newuserdatauv(L, sizeof *state, 0);
    memset(state, 0, sizeof *state);
    state->L = main_thread(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    return state;
}

binding_state *binding_find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    binding_state *state = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return state;
}

void binding_disarm(binding_state *state) {
    lua_sethook(state->watch.late, NULL, 0, 0);
    state->watch.late = state->watch.cut = NULL;
    state->watch.placed = state->watch.samples = false;
}

void *binding_allocate(lua_State *L, size_t size) {
    void *memory = lua_newuserdatauv(L, size, 0);
    memset(memory, 0, size);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
    return memory;
}
