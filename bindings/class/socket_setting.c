/*
 * Arguments that the classes of sockets have in common; see socket_setting.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/socket_setting.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>

#include "net/socket_option.h"
#include "net/tcp_socket.h"
#include "object/arguments.h"
#include "object/result.h"
#include "object/suggestion.h"

static const binding_flag bind_modes[] = {
    {"DefaultForPlatform", MP_BIND_DEFAULT},
    {"ShareAddress", MP_BIND_SHARE},
    {"DontShareAddress", MP_BIND_DONT_SHARE},
    {"ReuseAddressHint", MP_BIND_REUSE_HINT},
    {NULL, 0},
};

void binding_check_bind(lua_State *L, mp_address *address, uint16_t *port, int *mode) {
    mp_address_set_any(address);
    if (lua_isinteger(L, 2)) {
        lua_pushnil(L); /* QAbstractSocket::bind(port, mode) */
        lua_insert(L, 2);
    }
    if (!lua_isnoneornil(L, 2))
        binding_check_address(L, 2, address);
    *port = lua_isnoneornil(L, 3) ? 0 : binding_check_port(L, 3, "bind");
    *mode = lua_isnoneornil(L, 4) ? MP_BIND_DEFAULT : binding_check_flags(L, 4, bind_modes, "bind mode");
}

static const char *option_name(const void *list, int i) {
    (void)list;
    return mp_socket_option_name(i);
}

int binding_check_socket_option(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    int option = mp_socket_option_find(name);
    if (option < 0)
        return binding_raise_unknown(L, 2, "socket option", name, option_name, NULL);
    return option;
}

int binding_check_option_value(lua_State *L) {
    lua_Integer value = lua_isboolean(L, 3) ? lua_toboolean(L, 3) : luaL_checkinteger(L, 3);
    luaL_argcheck(L, value >= INT_MIN && value <= INT_MAX, 3, "out of range");
    return (int)value;
}

int binding_option_result(lua_State *L, int option, int result) {
    lua_pushfstring(L, "setSocketOption %s", mp_socket_option_name(option));
    return binding_result(L, lua_tostring(L, -1),
                          result == 0        ? MP_FAULT_NONE
                          : result == -EBADF ? MP_FAULT_NOT_CONNECTED
                                             : MP_FAULT_UNSUPPORTED);
}
