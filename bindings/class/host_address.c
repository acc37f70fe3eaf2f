/*
 * moonport.HostAddress: QHostAddress for Lua, an immutable value.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/host_address.h"

#include <string.h>

#include "data/error.h"
#include "object/arguments.h"
#include "object/box.h"
#include "object/class.h"
#include "object/suggestion.h"
#include "object/surplus.h"

static mp_address *check_self(lua_State *L, int parameters) {
    binding_takes(L, 1 + parameters);
    return binding_check_userdata(L, 1, CLASS_HOST_ADDRESS);
}

static void push_host_address(lua_State *L, binding_state *state, const mp_address *address) {
    mp_address *copy = lua_newuserdatauv(L, sizeof *copy, 0);
    *copy = *address;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[CLASS_HOST_ADDRESS]);
    lua_setmetatable(L, -2);
}

/* nil, "what: 'text' is not a(n) kind", code */
static int fail(lua_State *L, const char *what, const char *text, const char *kind) {
    text = binding_shown(L, text);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: '%s' is not %s", what, text, kind);
    lua_pushstring(L, mp_fault_code(MP_FAULT_HOST_NOT_FOUND));
    return 3;
}

/*
 * moonport.HostAddress([text | number | address]) -> address | nil, message, code; Null without an argument;
 * a number is an IPv4 address
 */
static int host_address_new(lua_State *L) {
    mp_address address;
    if (lua_gettop(L) > 0)
        lua_remove(L, 1); /* the class, which was called */
    binding_takes(L, 1);
    mp_address_set_null(&address);
    if (lua_isinteger(L, 1)) {
        lua_Integer number = lua_tointeger(L, 1);
        luaL_argcheck(L, number >= 0 && number <= UINT32_MAX, 1, "an IPv4 address has 32 bits");
        mp_address_set_ipv4(&address, (uint32_t)number);
    } else if (lua_type(L, 1) == LUA_TUSERDATA) {
        binding_check_address(L, 1, &address);
    } else if (!lua_isnoneornil(L, 1)) {
        size_t length;
        luaL_checktype(L, 1, LUA_TSTRING);
        const char *text = lua_tolstring(L, 1, &length);
        if (mp_address_parse(&address, text, length) < 0)
            return fail(L, "HostAddress", text, "an address");
    }
    push_host_address(L, binding_state_of(L), &address);
    return 1;
}

/* moonport.HostAddress.fromIPv6Address(bytes) -> address; the 16 bytes that toIPv6Address gives */
static int host_address_from_ipv6_address(lua_State *L) {
    mp_address address;
    size_t size;
    binding_takes(L, 1);
    const char *bytes = luaL_checklstring(L, 1, &size);
    luaL_argcheck(L, size == sizeof address.bytes, 1, "16 bytes expected");
    mp_address_set_ipv6(&address, (const uint8_t *)bytes);
    push_host_address(L, binding_state_of(L), &address);
    return 1;
}

/* moonport.HostAddress.parseSubnet("10.0.0.0/8") -> network, bits | nil, message, code */
static int host_address_parse_subnet(lua_State *L) {
    mp_address network;
    int bits;
    size_t length;
    binding_takes(L, 1);
    const char *text = luaL_checklstring(L, 1, &length);
    if (mp_address_parse_subnet(text, length, &network, &bits) < 0)
        return fail(L, "parseSubnet", text, "a subnet");
    push_host_address(L, binding_state_of(L), &network);
    lua_pushinteger(L, bits);
    return 2;
}

/* address:toString() -> Qt's text, "" for Null; also tostring(address) */
static int host_address_to_string(lua_State *L) {
    char text[MP_ADDRESS_TEXT];
    size_t length = mp_address_format(check_self(L, 0), text);
    lua_pushlstring(L, text, length);
    return 1;
}

/* address:protocol() -> "IPv4Protocol" … */
static int host_address_protocol(lua_State *L) {
    lua_pushstring(L, binding_protocol_name(check_self(L, 0)->protocol));
    return 1;
}

/* address:scopeId() -> interface of a scoped IPv6 address, or "" */
static int host_address_scope_id(lua_State *L) {
    char text[MP_ADDRESS_TEXT];
    mp_address_format(check_self(L, 0), text);
    const char *scope = strchr(text, '%');
    lua_pushstring(L, scope ? scope + 1 : "");
    return 1;
}

/* address:isInSubnet("10.0.0.0/8") or address:isInSubnet(network, bits) -> boolean */
static int host_address_is_in_subnet(lua_State *L) {
    mp_address *address = check_self(L, 2), network;
    int bits;
    size_t length;
    if (!lua_isnoneornil(L, 3)) {
        binding_check_address(L, 2, &network);
        lua_Integer number = luaL_checkinteger(L, 3);
        bits = number < 0 ? -1 : number > 128 ? 128 : (int)number;
    } else {
        const char *text = luaL_checklstring(L, 2, &length);
        if (mp_address_parse_subnet(text, length, &network, &bits) < 0)
            return luaL_argerror(L, 2, lua_pushfstring(L, "'%s' is not a subnet", binding_shown(L, text)));
    }
    lua_pushboolean(L, mp_address_in_subnet(address, &network, bits));
    return 1;
}

static const binding_flag conversions[] = {
    {"StrictConversion", MP_CONVERT_STRICT},
    {"ConvertV4MappedToIPv4", MP_CONVERT_V4_MAPPED},
    {"ConvertV4CompatToIPv4", MP_CONVERT_V4_COMPAT},
    {"ConvertUnspecifiedAddress", MP_CONVERT_UNSPECIFIED},
    {"ConvertLocalHost", MP_CONVERT_LOCAL_HOST},
    {"TolerantConversion", MP_CONVERT_TOLERANT},
    {NULL, 0},
};

/* address:isEqual(other[, mode = "TolerantConversion"]) -> boolean */
static int host_address_is_equal(lua_State *L) {
    mp_address *address = check_self(L, 2), other;
    int mode = MP_CONVERT_TOLERANT;
    if (lua_isnil(L, 2))
        mp_address_set_null(&other);
    else
        binding_check_address(L, 2, &other);
    if (!lua_isnoneornil(L, 3))
        mode = binding_check_flags(L, 3, conversions, "conversion mode");
    lua_pushboolean(L, mp_address_is_equal(address, &other, (unsigned)mode));
    return 1;
}

/* a == b, strict */
static int host_address_eq(lua_State *L) {
    const mp_address *address = check_self(L, BINDING_ANY);
    lua_pushboolean(L, binding_is(L, binding_state_of(L), 2, CLASS_HOST_ADDRESS) &&
                           mp_address_equal(address, lua_touserdata(L, 2)));
    return 1;
}

/* address:toIPv4Address() -> integer or nil */
static int host_address_to_ipv4_address(lua_State *L) {
    uint32_t number;
    if (mp_address_to_ipv4(check_self(L, 0), &number) < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, number);
    return 1;
}

/* address:toIPv6Address() -> 16 bytes */
static int host_address_to_ipv6_address(lua_State *L) {
    uint8_t bytes[16];
    mp_address_to_ipv6(check_self(L, 0), bytes);
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
        lua_pushboolean(L, mp_address_##function(check_self(L, 0)));                                            \
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
    binding_new_class(L, state, CLASS_HOST_ADDRESS, methods);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, metamethods, 1);
    lua_pop(L, 1);
}

static void set_special(lua_State *L, binding_state *state, const char *name, const mp_address *address) {
    push_host_address(L, state, address);
    lua_setfield(L, -2, name);
}

/* QHostAddress::SpecialAddress, into the table on top. */
static void set_special_addresses(lua_State *L, binding_state *state) {
    static const uint8_t any[16], loopback[16] = {[15] = 1};
    mp_address address;
    mp_address_set_null(&address);
    set_special(L, state, "Null", &address);
    mp_address_set_any(&address);
    set_special(L, state, "Any", &address);
    mp_address_set_ipv4(&address, 0xffffffff);
    set_special(L, state, "Broadcast", &address);
    mp_address_set_ipv4(&address, 0x7f000001);
    set_special(L, state, "LocalHost", &address);
    mp_address_set_ipv4(&address, 0);
    set_special(L, state, "AnyIPv4", &address);
    mp_address_set_ipv6(&address, loopback);
    set_special(L, state, "LocalHostIPv6", &address);
    mp_address_set_ipv6(&address, any);
    set_special(L, state, "AnyIPv6", &address);
}

void binding_push_host_address_class(lua_State *L, binding_state *state) {
    static const luaL_Reg functions[] = {{"parseSubnet", host_address_parse_subnet},
                                         {"fromIPv6Address", host_address_from_ipv6_address},
                                         {NULL, NULL}};
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, functions, 1);
    set_special_addresses(L, state);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, host_address_new, 1);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
}
