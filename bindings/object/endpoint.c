/*
 * Where servers listen; see endpoint.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/endpoint.h"

#include <errno.h>
#include <lauxlib.h>

#include "object/arguments.h"

_Static_assert(BINDING_PLACE >= BINDING_ENDPOINT && BINDING_PLACE >= MP_LOCAL_TEXT, "room for both");

enum mp_fault binding_name_fault(int result) {
    return result == 0               ? MP_FAULT_NONE
           : result == -ENAMETOOLONG ? MP_FAULT_NAME_TOO_LONG
                                     : MP_FAULT_NAME_INVALID;
}

bool binding_test_local(lua_State *L, int index, int port, mp_local_name *name, enum mp_fault *fault) {
    size_t size;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (!text || !mp_local_name_is_text(text, size))
        return false;
    *name = (mp_local_name){.size = 0};
    luaL_argcheck(L, lua_isnoneornil(L, port), port, "a Unix-domain socket has no port");
    *fault = binding_name_fault(mp_local_name_parse(name, text, size));
    return true;
}

void binding_push_local(lua_State *L, const mp_local_name *name) {
    char text[MP_LOCAL_TEXT];
    size_t size = mp_local_name_format(name, text);
    lua_pushlstring(L, text, size);
}

const char *binding_place(char *text, const mp_tcp_server *server) {
    const mp_local_name *local = mp_tcp_server_local_name(server);
    mp_address address;
    uint16_t port;
    if (local) {
        mp_local_name_format(local, text);
        return text;
    }
    mp_tcp_server_address(server, &address, &port);
    return binding_endpoint(text, &address, port);
}
