/*
 * The DatagramInfo class; see datagram_info.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/datagram_info.h"

#include "object/arguments.h"
#include "object/box.h"
#include "object/class.h"
#include "object/peer.h"
#include "object/suggestion.h"
#include "object/surplus.h"

binding_datagram_info *binding_push_datagram_info(lua_State *L, binding_state *state) {
    binding_datagram_info *info = binding_new_value(L, state, CLASS_DATAGRAM_INFO, sizeof *info, 0);
    mp_datagram_head_init(&info->head);
    info->place = -1;
    return info;
}

void binding_push_datagram(lua_State *L, binding_state *state, const mp_datagram *datagram,
                           binding_datagram_info *info) {
    mp_address address;
    uint16_t port;
    info->head = *datagram->head;
    lua_pushlstring(L, datagram->data, info->head.size);
    binding_note_input(state, info->head.size);
    mp_datagram_peer(&info->head, &address, &port);
    binding_push_peer(L, state, &address, &info->place);
    lua_pushinteger(L, port);
}

binding_datagram_info *binding_test_datagram_info(lua_State *L, const binding_state *state, int index) {
    return binding_is(L, state, index, CLASS_DATAGRAM_INFO) ? lua_touserdata(L, index) : NULL;
}

static void push_number(lua_State *L, int value) {
    if (value < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, value);
}

static void push_size(lua_State *L, const mp_datagram_head *head) {
    lua_pushinteger(L, head->whole);
}

static void push_truncated(lua_State *L, const mp_datagram_head *head) {
    lua_pushboolean(L, head->size < head->whole);
}

static void push_ecn(lua_State *L, const mp_datagram_head *head) {
    push_number(L, head->service < 0 ? -1 : head->service & 3);
}

static void push_local_address(lua_State *L, const mp_datagram_head *head) {
    binding_push_address(L, &head->local);
}

static void push_interface(lua_State *L, const mp_datagram_head *head) {
    lua_pushinteger(L, head->interface);
}

static void push_hop_limit(lua_State *L, const mp_datagram_head *head) {
    push_number(L, head->hop_limit);
}

static void push_time(lua_State *L, const mp_datagram_head *head) {
    lua_pushinteger(L, (lua_Integer)head->time);
}

static const struct {
    const char *name;
    void (*push)(lua_State *L, const mp_datagram_head *head);
} fields[] = {
    {"size", push_size},
    {"truncated", push_truncated},
    {"ecn", push_ecn},
    {"localAddress", push_local_address},
    {"interfaceIndex", push_interface},
    {"hopLimit", push_hop_limit},
    {"time", push_time},
};

#define FIELDS (int)(sizeof fields / sizeof *fields)

static const char *field_name(const void *list, int i) {
    (void)list;
    return i < FIELDS ? fields[i].name : NULL;
}

/* info.key -> value; raises for a key that it hasn't. */
static int info_index(lua_State *L) {
    const binding_datagram_info *info = binding_check_userdata(L, 1, CLASS_DATAGRAM_INFO);
    fields[binding_check_name(L, 2, "field of a datagram's info", field_name, NULL)].push(L, &info->head);
    return 1;
}

static int info_newindex(lua_State *L) {
    return luaL_error(L, "a datagram's info can't be changed");
}

static int info_tostring(lua_State *L) {
    const binding_datagram_info *info = binding_check_userdata(L, 1, CLASS_DATAGRAM_INFO);
    lua_pushfstring(L, "DatagramInfo(%d bytes)", (int)info->head.whole);
    return 1;
}

void binding_open_datagram_info(lua_State *L, binding_state *state) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    binding_new_class(L, state, CLASS_DATAGRAM_INFO, none);
    lua_pop(L, 1);
    binding_set_function(L, state, "__index", info_index);
    binding_set_function(L, state, "__newindex", info_newindex);
    binding_set_function(L, state, "__tostring", info_tostring);
    lua_pop(L, 1);
}
