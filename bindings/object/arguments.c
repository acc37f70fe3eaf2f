/*
 * Checks of arguments. They raise on misuse before anything has changed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/arguments.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/stream_state.h"
#include "object/box.h"
#include "object/suggestion.h"

static const char *const state_names[] = {
#define X(constant, name) name,
    MP_SOCKET_STATES(X)
#undef X
};

static const char *const protocol_names[] = {"IPv4Protocol", "IPv6Protocol", "AnyIPProtocol",
                                             "UnknownNetworkLayerProtocol", NULL};

const char *binding_state_name(int state) {
    return state_names[state];
}

const char *binding_protocol_name(int protocol) {
    return protocol_names[protocol];
}

void binding_check_address(lua_State *L, int index, mp_address *address) {
    if (binding_is(L, binding_state_of(L), index, CLASS_HOST_ADDRESS)) {
        *address = *(mp_address *)lua_touserdata(L, index);
        return;
    }
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_typeerror(L, index, "address");
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    if (strcmp(text, "localhost") == 0)
        text = "127.0.0.1", length = strlen(text);
    if (mp_address_parse(address, text, length) < 0)
        luaL_argerror(L, index, lua_pushfstring(L, "'%s' is not an address", binding_shown(L, text)));
}

const char *binding_check_host(lua_State *L, int index, char *text) {
    mp_address address;
    size_t length;
    if (lua_type(L, index) == LUA_TUSERDATA) {
        binding_check_address(L, index, &address);
        mp_address_format(&address, text);
        return text;
    }
    const char *host = luaL_checklstring(L, index, &length);
    if (strlen(host) != length)
        luaL_argerror(L, index, "a host name can't contain a zero byte");
    return host;
}

uint16_t binding_check_port(lua_State *L, int index, const char *what) {
    int exact;
    lua_Integer port = lua_tointegerx(L, index, &exact);
    if (lua_isnoneornil(L, index))
        luaL_error(L, "%s: the port is missing", what);
    if (!exact && !lua_isstring(L, index))
        luaL_error(L, "%s: a port is a number, not a %s", what, luaL_typename(L, index));
    if (!exact)
        luaL_error(L, "%s: port %s is not a%s number", what, binding_shown(L, lua_tostring(L, index)),
                   lua_type(L, index) == LUA_TNUMBER ? " whole" : "");
    if (port < 0 || port > 65535)
        luaL_error(L, "%s: port %I is not between 0 and 65535", what, port);
    return (uint16_t)port;
}

double binding_check_msec(lua_State *L, int index, double otherwise) {
    double msec = luaL_optnumber(L, index, otherwise);
    if (isnan(msec))
        luaL_argerror(L, index, "not a time");
    /* The time left until a deadline that has passed is negative. It must not mean "for ever". */
    return msec < 0 && msec != -1 ? 0 : msec;
}

void binding_push_msec(lua_State *L, double msec) {
    lua_Integer whole;
    if (lua_numbertointeger(msec, &whole) && (double)whole == msec)
        lua_pushinteger(L, whole);
    else
        lua_pushnumber(L, msec);
}

size_t binding_check_size(lua_State *L, int index, const char *what) {
    lua_Integer size = luaL_checkinteger(L, index);
    if (size < 0)
        luaL_argerror(L, index, lua_pushfstring(L, "%s must not be negative", what));
    return (size_t)size;
}

char binding_check_byte(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Integer number = luaL_checkinteger(L, index);
        luaL_argcheck(L, number >= 0 && number <= 255, index, "a byte is from 0 to 255");
        return (char)number;
    }
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    luaL_argcheck(L, size == 1, index, "one byte expected");
    return *text;
}

const char *binding_flag_name(const void *flags, int i) {
    return ((const binding_flag *)flags)[i].name;
}

int binding_check_flags(lua_State *L, int index, const binding_flag *flags, const char *what) {
    const char *text = luaL_checkstring(L, index);
    int value = 0;
    for (const char *name = text; name; name = strchr(name, '|')) {
        name += *name == '|';
        size_t length = strcspn(name, "|");
        const binding_flag *flag = flags;
        while (flag->name && (strlen(flag->name) != length || memcmp(flag->name, name, length) != 0))
            flag++;
        if (!flag->name)
            return binding_raise_unknown(L, index, what, lua_pushlstring(L, name, length), binding_flag_name,
                                         flags);
        value |= flag->value;
    }
    return value;
}

static const binding_flag open_modes[] = {
    {"NotOpen", MP_NOT_OPEN},
    {"ReadOnly", MP_READ_ONLY},
    {"WriteOnly", MP_WRITE_ONLY},
    {"ReadWrite", MP_READ_WRITE},
    {"Append", MP_APPEND},
    {"Truncate", MP_TRUNCATE},
    {"Text", MP_TEXT},
    {"Unbuffered", MP_UNBUFFERED},
    {NULL, 0},
};

int binding_check_open_mode(lua_State *L, int index, int otherwise) {
    return lua_isnoneornil(L, index) ? otherwise : binding_check_flags(L, index, open_modes, "open mode");
}

void binding_push_open_mode(lua_State *L, int open_mode) {
    if (open_mode & MP_MOVED)
        open_mode |= MP_READ_WRITE; /* as it was before, and will be again */
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, open_modes[open_mode & MP_READ_WRITE].name);
    for (const binding_flag *flag = open_modes + 4; flag->name; flag++) {
        if (open_mode & flag->value) {
            luaL_addchar(&buffer, '|');
            luaL_addstring(&buffer, flag->name);
        }
    }
    luaL_pushresult(&buffer);
}

enum mp_protocol binding_check_protocol(lua_State *L, int index) {
    if (lua_isnoneornil(L, index))
        return MP_PROTOCOL_ANY;
    const char *name = luaL_checkstring(L, index);
    for (int i = 0; i < MP_PROTOCOL_UNKNOWN; i++)
        if (strcmp(protocol_names[i], name) == 0)
            return (enum mp_protocol)i;
    binding_raise_unknown(L, index, "protocol", name, binding_listed_name, protocol_names);
    return MP_PROTOCOL_ANY;
}

void binding_push_address(lua_State *L, const mp_address *address) {
    char text[MP_ADDRESS_TEXT];
    if (mp_address_is_null(address)) {
        lua_pushnil(L);
        return;
    }
    if (address->protocol == MP_PROTOCOL_ANY) {
        lua_pushliteral(L, "any");
        return;
    }
    size_t length = mp_address_format(address, text);
    lua_pushlstring(L, text, length);
}

const char *binding_endpoint(char *text, const mp_address *address, uint16_t port) {
    char host[MP_ADDRESS_TEXT];
    mp_address_format(address, host);
    if (address->protocol == MP_PROTOCOL_ANY)
        snprintf(text, BINDING_ENDPOINT, "any:%u", port);
    else
        snprintf(text, BINDING_ENDPOINT, address->protocol == MP_PROTOCOL_IPV6 ? "[%s]:%u" : "%s:%u", host,
                 port);
    return text;
}
