/*
 * moonport.HostAddress: QHostAddress for Lua, an immutable value.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "binding.h"
#include "module.h"

static mp_address *check_self(lua_State *L) {
    binding_state *state = binding_state_of(L);
    mp_address *address = lua_touserdata(L, 1);
    if (!address || !lua_getmetatable(L, 1) || lua_topointer(L, -1) != state->metatables[CLASS_HOST_ADDRESS])
        luaL_typeerror(L, 1, "HostAddress");
    lua_pop(L, 1);
    return address;
}

static void push_host_address(lua_State *L, const mp_address *address) {
    binding_state *state = binding_state_of(L);
    mp_address *copy = lua_newuserdatauv(L, sizeof *copy, 0);
    *copy = *address;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->metatable_refs[CLASS_HOST_ADDRESS]);
    lua_setmetatable(L, -2);
}

/* moonport.HostAddress([text]) -> address (Null without text) | nil, message, code */
int binding_new_host_address(lua_State *L) {
    mp_address address;
    mp_address_set_null(&address);
    if (!lua_isnoneornil(L, 1)) {
        if (lua_type(L, 1) == LUA_TUSERDATA) {
            binding_check_address(L, 1, &address);
        } else {
            size_t length;
            const char *text = luaL_checklstring(L, 1, &length);
            if (mp_address_parse(&address, text, length) < 0) {
                lua_pushnil(L);
                lua_pushfstring(L, "HostAddress: '%s' is not an address", text);
                lua_pushstring(L, mp_fault_code(MP_FAULT_HOST_NOT_FOUND));
                return 3;
            }
        }
    }
    push_host_address(L, &address);
    return 1;
}

/* address:toString() -> Qt's text, "" for Null; also tostring(address) */
static int host_address_to_string(lua_State *L) {
    char text[MP_ADDRESS_TEXT];
    size_t length = mp_address_format(check_self(L), text);
    lua_pushlstring(L, text, length);
    return 1;
}

/* address:protocol() -> "IPv4Protocol" … */
static int host_address_protocol(lua_State *L) {
    lua_pushstring(L, binding_protocol_name(check_self(L)->protocol));
    return 1;
}

/* address:scopeId() -> interface of a scoped IPv6 address, or "" */
static int host_address_scope_id(lua_State *L) {
    char text[MP_ADDRESS_TEXT];
    mp_address_format(check_self(L), text);
    const char *scope = strchr(text, '%');
    lua_pushstring(L, scope ? scope + 1 : "");
    return 1;
}

/* address:isInSubnet("10.0.0.0/8") or address:isInSubnet(network, bits) -> boolean */
static int host_address_is_in_subnet(lua_State *L) {
    mp_address *address = check_self(L), network;
    int bits;
    size_t length;
    if (!lua_isnoneornil(L, 3)) {
        binding_check_address(L, 2, &network);
        bits = (int)luaL_checkinteger(L, 3);
    } else {
        const char *text = luaL_checklstring(L, 2, &length);
        if (mp_address_parse_subnet(text, length, &network, &bits) < 0)
            return luaL_argerror(L, 2, lua_pushfstring(L, "'%s' is not a subnet", text));
    }
    lua_pushboolean(L, mp_address_in_subnet(address, &network, bits));
    return 1;
}

/* address:isEqual(other[, mode = "TolerantConversion"]) -> boolean */
static int host_address_is_equal(lua_State *L) {
    static const char *const names[] = {"TolerantConversion",
                                        "StrictConversion",
                                        "ConvertV4MappedToIPv4",
                                        "ConvertV4CompatToIPv4",
                                        "ConvertUnspecifiedAddress",
                                        "ConvertLocalHost",
                                        NULL};
    static const unsigned modes[] = {MP_CONVERT_TOLERANT,  MP_CONVERT_STRICT,      MP_CONVERT_V4_MAPPED,
                                     MP_CONVERT_V4_COMPAT, MP_CONVERT_UNSPECIFIED, MP_CONVERT_LOCAL_HOST};
    mp_address *address = check_self(L), other;
    if (lua_isnil(L, 2))
        mp_address_set_null(&other);
    else
        binding_check_address(L, 2, &other);
    lua_pushboolean(L, mp_address_is_equal(address, &other, modes[luaL_checkoption(L, 3, names[0], names)]));
    return 1;
}

/* a == b, strict */
static int host_address_eq(lua_State *L) {
    binding_state *state = binding_state_of(L);
    mp_address *a = check_self(L), *b = lua_touserdata(L, 2);
    bool comparable = b && lua_getmetatable(L, 2) &&
                      lua_topointer(L, -1) == state->metatables[CLASS_HOST_ADDRESS];
    lua_pushboolean(L, comparable && mp_address_equal(a, b));
    return 1;
}

/* address:toIPv4Address() -> integer or nil */
static int host_address_to_ipv4_address(lua_State *L) {
    uint32_t number;
    if (mp_address_to_ipv4(check_self(L), &number) < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, number);
    return 1;
}

/* address:toIPv6Address() -> 16 bytes */
static int host_address_to_ipv6_address(lua_State *L) {
    uint8_t bytes[16];
    mp_address_to_ipv6(check_self(L), bytes);
    lua_pushlstring(L, (const char *)bytes, sizeof bytes);
    return 1;
}

/* clang-format off */
#define QUESTIONS(X)                                                                                         \
    X(isNull, is_null) X(isLoopback, is_loopback) X(isMulticast, is_multicast) X(isBroadcast, is_broadcast)  \
    X(isLinkLocal, is_link_local) X(isSiteLocal, is_site_local) X(isGlobal, is_global)                       \
    X(isUniqueLocalUnicast, is_unique_local_unicast) X(isPrivateUse, is_private_use)

/* address:isLoopback() -> boolean, and the like */
#define X(name, function)                                                                                    \
    static int host_address_##function(lua_State *L) {                                                       \
        lua_pushboolean(L, mp_address_##function(check_self(L)));                                            \
        return 1;                                                                                            \
    }
QUESTIONS(X)
#undef X

static const luaL_Reg methods[] = {
    {"toString", host_address_to_string},
    {"protocol", host_address_protocol},
    {"scopeId", host_address_scope_id},
    {"isInSubnet", host_address_is_in_subnet},
    {"isEqual", host_address_is_equal},
    {"toIPv4Address", host_address_to_ipv4_address},
    {"toIPv6Address", host_address_to_ipv6_address},
#define X(name, function) {#name, host_address_##function},
    QUESTIONS(X)
#undef X
    {NULL, NULL},
};
/* clang-format on */

void binding_open_host_address(lua_State *L, binding_state *state) {
    static const luaL_Reg metamethods[] = {
        {"__tostring", host_address_to_string}, {"__eq", host_address_eq}, {NULL, NULL}};
    binding_new_class(L, state, CLASS_HOST_ADDRESS, "HostAddress", methods);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, metamethods, 1);
    lua_pop(L, 1);
}
