/*
 * The master; see master.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/master.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#include "class/process.h"
#include "data/error.h"
#include "embedded.h"
#include "net/port.h"
#include "operate/place.h"
#include "run.h"
#include "system/local.h"
#include "system/process.h"
#include "system/service.h"
#include "system/socket_facts.h"
#include "system/system.h"
#include "system/usage.h"
#include "workers/shared.h"

/* --- descriptors ---------------------------------------------------------------------------------------- */

static int check_descriptor(lua_State *L, int index) {
    lua_Integer fd = luaL_checkinteger(L, index);
    luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, index, "no descriptor");
    return (int)fd;
}

/* Pushes the descriptor, or nil and the number of a fault. */
static int push_descriptor(lua_State *L, enum mp_fault fault, int fd) {
    if (fault == MP_FAULT_NONE)
        lua_pushinteger(L, fd);
    else
        lua_pushnil(L);
    lua_pushinteger(L, (lua_Integer)fault);
    return 2;
}

/* pair() -> fd, fd | nil, message: connected stream sockets */
static int host_pair(lua_State *L) {
    int fds[2], result = mp_system_pair(fds);
    if (result < 0) {
        lua_pushnil(L);
        lua_pushstring(L, strerror(-result));
        return 2;
    }
    lua_pushinteger(L, fds[0]);
    lua_pushinteger(L, fds[1]);
    return 2;
}

/* close(fd) */
static int host_close(lua_State *L) {
    mp_system_close(check_descriptor(L, 1));
    return 0;
}

/* send(socket, text, fd) -> boolean: sends the text with the descriptor at once, or nothing. Needs no other
   descriptor. */
static int host_send(lua_State *L) {
    size_t size;
    int socket = check_descriptor(L, 1);
    const char *text = luaL_checklstring(L, 2, &size);
    const struct iovec vector = {(void *)(uintptr_t)text, size};
    lua_pushboolean(L,
                    mp_system_send_descriptor(socket, &vector, 1, check_descriptor(L, 3)) == (ssize_t)size);
    return 1;
}

/* shutdown(fd): nobody can connect to it any more, in whichever process it is */
static int host_shutdown(lua_State *L) {
    (void)mp_system_shutdown(check_descriptor(L, 1));
    return 0;
}

/* cookie(fd) -> text that only this socket has */
static int host_cookie(lua_State *L) {
    lua_pushfstring(L, "%I", (lua_Integer)mp_system_socket_cookie(check_descriptor(L, 1)));
    return 1;
}

/* listens(fd) -> boolean */
static int host_listens(lua_State *L) {
    bool listens = false;
    lua_pushboolean(L, mp_system_is_stream_socket(check_descriptor(L, 1), &listens) && listens);
    return 1;
}

static void check_address(lua_State *L, int index, mp_address *address) {
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    if (strcmp(text, "any") == 0)
        mp_address_set_any(address);
    else if (mp_address_parse(address, text, size) != 0)
        luaL_argerror(L, index, "no address");
}

static uint16_t check_port(lua_State *L, int index) {
    lua_Integer port = luaL_checkinteger(L, index);
    luaL_argcheck(L, port >= 0 && port <= 65535, index, "no port");
    return (uint16_t)port;
}

/* reserve(address, port, beside) -> fd, port | nil, fault */
static int host_reserve(lua_State *L) {
    mp_address address;
    int fd = -1;
    check_address(L, 1, &address);
    uint16_t port = check_port(L, 2);
    enum mp_fault fault = mp_port_reserve(&address, &port, lua_toboolean(L, 3), &fd);
    (void)push_descriptor(L, fault, fd);
    if (fault == MP_FAULT_NONE) {
        lua_pushinteger(L, port);
        lua_replace(L, -2);
    }
    return 2;
}

/* share(address, port) -> fd | nil, fault */
static int host_share(lua_State *L) {
    mp_address address;
    int fd = -1;
    check_address(L, 1, &address);
    enum mp_fault fault = mp_port_share(&address, check_port(L, 2), &fd);
    return push_descriptor(L, fault, fd);
}

/* fault(code) -> the number of the first fault with Qt's name for it */
static int host_fault(lua_State *L) {
    const char *code = luaL_checkstring(L, 1);
    int fault = 0;
    while (fault < MP_FAULT_COUNT && strcmp(mp_fault_code((enum mp_fault)fault), code) != 0)
        fault++;
    lua_pushinteger(L, fault < MP_FAULT_COUNT ? fault : MP_FAULT_RESOURCE);
    return 1;
}

/* --- processes, the system ------------------------------------------------------------------------------ */

/* give(process, channel): what it gets beside its standard descriptors, when it is started */
static int host_give(lua_State *L) {
    static binding_given given; /* read by the start that follows */
    given.passed = mp_system_passed_descriptors();
    given.channel = check_descriptor(L, 2);
    given.parting = PROGRAM_PARTING;
    binding_give_process(L, 1, &given);
    return 0;
}

/* notify(text): tells systemd */
static int host_notify(lua_State *L) {
    lua_pushboolean(L, mp_system_notify(luaL_checkstring(L, 1)));
    return 1;
}

/* place(wish or nil) -> path of the control socket | nil, why */
static int host_place(lua_State *L) {
    mp_local_name name;
    char text[256];
    const char *why = program_find_place(luaL_optstring(L, 1, NULL), &name, text, sizeof text);
    if (why)
        lua_pushnil(L);
    lua_pushstring(L, why ? why : name.bytes);
    return why ? 2 : 1;
}

/* store() -> path of the store's socket, which is started if none runs | nil, why */
static int host_store(lua_State *L) {
    program *self = binding_find(L)->program;
    char text[256];
    const char *why = program_open_store(&self->store, text, sizeof text);
    if (why)
        lua_pushnil(L);
    lua_pushstring(L, why ? why : program_store_path(&self->store));
    return why ? 2 : 1;
}

/* ofStore() -> { pid, resident } | nil: none runs */
static int host_of_store(lua_State *L) {
    const program *self = binding_find(L)->program;
    pid_t pid = program_store_pid(&self->store);
    if (pid == 0)
        return 0;
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, pid);
    lua_setfield(L, -2, "pid");
    lua_pushinteger(L, mp_system_resident(pid));
    lua_setfield(L, -2, "resident");
    return 1;
}

/* --- visitors ------------------------------------------------------------------------------------------- */

/* Registry key: the function that takes them. */
static const char visit_key = 0;

/* onVisit(fn): fn(fd) is called for each visitor that the process of --metrics sends */
static int host_on_visit(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &visit_key);
    return 0;
}

static int visit(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &visit_key);
    lua_insert(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

void program_visit_master(lua_State *L, int fd) {
    lua_pushcfunction(L, visit);
    lua_pushinteger(L, fd);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return;
    lua_pop(L, 1);
    mp_system_close(fd);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static const luaL_Reg functions[] = {{"pair", host_pair},         {"close", host_close},
                                     {"shutdown", host_shutdown}, {"cookie", host_cookie},
                                     {"listens", host_listens},   {"reserve", host_reserve},
                                     {"share", host_share},       {"fault", host_fault},
                                     {"give", host_give},         {"notify", host_notify},
                                     {"place", host_place},       {"send", host_send},
                                     {"store", host_store},       {"ofStore", host_of_store},
                                     {"onVisit", host_on_visit},  {NULL, NULL}};

static void set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* Pushes the module moonport.program.host. */
static void push_host(lua_State *L, const program_options *all) {
    luaL_newlib(L, functions);
    lua_pushinteger(L, all->workers);
    lua_setfield(L, -2, "workers");
    set_number(L, "grace", all->grace);
    set_number(L, "reloadTimeout", all->reload_timeout);
    lua_pushboolean(L, all->rollback_errors >= 0);
    lua_setfield(L, -2, "probation");
    lua_pushboolean(L, all->script && strcmp(all->script, "-") == 0);
    lua_setfield(L, -2, "fromInput");
    lua_pushstring(L, all->script ? all->script : "-e");
    lua_setfield(L, -2, "script");
    if (all->control) {
        lua_pushstring(L, all->control);
        lua_setfield(L, -2, "control");
    }
    lua_pushinteger(L, mp_system_process_number());
    lua_setfield(L, -2, "pid");
    lua_pushinteger(L, mp_system_passed_descriptors());
    lua_setfield(L, -2, "passed");
    lua_pushinteger(L, (lua_Integer)mp_system_user());
    lua_setfield(L, -2, "user");
    lua_pushliteral(L, MOONPORT_VERSION);
    lua_setfield(L, -2, "version");
    lua_newtable(L);
    for (int i = 0; i < all->argument_count; i++) {
        lua_pushstring(L, all->arguments[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "arguments");
}

static int load_host(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

void program_open_master(lua_State *L, program_options *options, const program_options *all) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    push_host(L, all);
    lua_pushcclosure(L, load_host, 1);
    lua_setfield(L, -2, "moonport.program.host");
    lua_pop(L, 1);
    program_preload_modules(L, program_ctl_modules, "ctl.json");
    program_preload_modules(L, program_ctl_modules, "ctl.request");
    program_preload_modules(L, program_workers_modules, NULL);
    program_run_own_code(options, "require('moonport.program.master').run()");
}
