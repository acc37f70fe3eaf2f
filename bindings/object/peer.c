/*
 * The addresses of peers; see peer.h. The store has a fixed number of places; an address goes to the one that
 * its hash gives, and replaces what was there. The strings are in a Lua table, so they live as long as they
 * are in the store, and a string is recognised by where it lies.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/peer.h"

#include <string.h>

#include "object/arguments.h"

#define BITS 10
#define PLACES (1 << BITS)

struct binding_peers {
    int strings; /* reference: the texts, by place + 1 */
    struct {
        const char *text; /* where Lua has it; NULL: nothing is here */
        mp_address address;
    } places[PLACES];
    uint16_t by_text[PLACES]; /* the place + 1 of the last text with this hash of its pointer */
};

void binding_open_peers(lua_State *L, binding_state *state) {
    state->peers = binding_allocate(L, sizeof *state->peers);
    lua_newtable(L);
    state->peers->strings = luaL_ref(L, LUA_REGISTRYINDEX);
}

static int place_of(const mp_address *address) {
    uint64_t halves[2];
    memcpy(halves, address->bytes, sizeof halves);
    return (int)(((halves[0] ^ (halves[1] * 3) ^ address->scope_id) * UINT64_C(0x9e3779b97f4a7c15)) >>
                 (64 - BITS));
}

static int hash_of(const char *text) {
    return (int)(((uint64_t)(uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - BITS));
}

static bool is_same(const mp_address *a, const mp_address *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 && a->scope_id == b->scope_id &&
           a->protocol == b->protocol;
}

/* address -> its text, which is now in the store */
static void remember(lua_State *L, struct binding_peers *peers, const mp_address *address, int place) {
    binding_push_address(L, address);
    peers->places[place].text = NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, peers->strings);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, place + 1);
    lua_pop(L, 1);
    const char *text = lua_tostring(L, -1);
    peers->places[place].address = *address;
    peers->places[place].text = text;
    peers->by_text[hash_of(text)] = (uint16_t)(place + 1);
}

void binding_push_peer(lua_State *L, binding_state *state, const mp_address *address, int *place) {
    struct binding_peers *peers = state->peers;
    *place = place_of(address);
    if (!peers->places[*place].text || !is_same(&peers->places[*place].address, address)) {
        remember(L, peers, address, *place);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, peers->strings);
    lua_rawgeti(L, -1, *place + 1);
    lua_remove(L, -2);
}

const mp_address *binding_peer_at(lua_State *L, const binding_state *state, int index, int place) {
    const struct binding_peers *peers = state->peers;
    return place >= 0 && lua_tostring(L, index) == peers->places[place].text ? &peers->places[place].address
                                                                             : NULL;
}

void binding_check_peer(lua_State *L, binding_state *state, int index, mp_address *address) {
    struct binding_peers *peers = state->peers;
    if (lua_type(L, index) == LUA_TSTRING) {
        int place = peers->by_text[hash_of(lua_tostring(L, index))] - 1;
        const mp_address *known = place >= 0 ? binding_peer_at(L, state, index, place) : NULL;
        if (known) {
            *address = *known;
            return;
        }
    }
    binding_check_address(L, index, address);
    if (lua_type(L, index) == LUA_TSTRING && !mp_address_is_null(address) &&
        address->protocol <= MP_PROTOCOL_IPV6) {
        remember(L, peers, address, place_of(address));
        /* The text as it was passed may be another one ("localhost", "::0"): it is found only by itself. */
        lua_pop(L, 1);
    }
}
