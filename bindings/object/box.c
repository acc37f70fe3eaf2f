/*
 * Boxes; see box.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/box.h"

#include <assert.h>
#include <string.h>

#include "net/local_server.h"
#include "net/local_socket.h"
#include "net/process.h"
#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#ifdef MOONPORT_TLS
#include "tls/ssl_server.h"
#include "tls/ssl_socket.h"
#endif
#include "net/udp_socket.h"
#include "loop/timer.h"
#include "object/class.h"
#include "object/generation.h"
#include "object/lost.h"

/* Registry key of a weak-keyed table: objects that finalisers have made while the Lua state was closing. */
static const char orphans_key = 0;

/* Notes the object on top of the stack. */
static void note_orphan(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &orphans_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        binding_push_weak_table(L, "k");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &orphans_key);
    }
    lua_pushvalue(L, -2);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void binding_finalise_orphans(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &orphans_key) != LUA_TTABLE)
        return;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        luaL_getmetafield(L, -2, "__gc");
        lua_pushvalue(L, -3);
        lua_call(L, 1, 0);
    }
}

/* With Lua's header of 56 bytes, a socket fits one of the pool's sizes. There are many sockets. */
_Static_assert(sizeof(void *) != 8 || sizeof(binding_box) + sizeof(mp_tcp_socket) + 56 <= 304,
               "a socket in 304 bytes");

static void *new_userdata(lua_State *L, binding_state *state, int class, size_t size, int values) {
    assert(class < CLASS_COUNT && state->classes.references[class] != 0);
    void *userdata = lua_newuserdatauv(L, size, values);
    /* A finaliser may make it during lua_close, and Lua never finalises such objects. */
    if (lua_gc(L, LUA_GCCOUNT) < 0)
        note_orphan(L);
    memset(userdata, 0, size);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[class]);
    lua_setmetatable(L, -2);
    return userdata;
}

binding_box *binding_new_box(lua_State *L, binding_state *state, int class, size_t size) {
    binding_note_size(state->losses, sizeof(binding_box) + size);
    return new_userdata(L, state, class, sizeof(binding_box) + size, 1);
}

void *binding_new_value(lua_State *L, binding_state *state, int class, size_t size, int values) {
    return new_userdata(L, state, class, size, values);
}

void binding_forget(lua_State *L, binding_box *box, int anchor) {
    assert(binding_object(box)->loop && !box->waits && !box->taker);
    assert(!box->has_handlers || box->generation->sockets > 0);
    if (anchor != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, anchor);
    if (box->has_handlers)
        box->generation->sockets--;
    box->has_handlers = false;
    binding_unreference(box->generation);
    box->generation = NULL;
    binding_object(box)->loop = NULL;
}

const mp_behaviour *const binding_behaviours[MP_KIND_COUNT] = {
    [MP_TCP_SERVER] = &mp_tcp_server_behaviour,
    [MP_TCP_SOCKET] = &mp_tcp_socket_class.behaviour,
    [MP_TIMER] = &mp_timer_behaviour,
#ifdef MOONPORT_TLS
    [MP_SSL_SERVER] = &mp_ssl_server_behaviour,
    [MP_SSL_SOCKET] = &mp_ssl_socket_class.behaviour,
#endif
    [MP_LOCAL_SERVER] = &mp_local_server_behaviour,
    [MP_LOCAL_SOCKET] = &mp_local_socket_class.behaviour,
    [MP_UDP_SOCKET] = &mp_udp_socket_behaviour,
    [MP_PROCESS] = &mp_process_class.behaviour,
};

bool binding_is_based_on(const mp_behaviour *behaviour, enum mp_kind kind) {
    for (int i = 0; behaviour && i < MP_KIND_COUNT; i++)
        if (behaviour == binding_behaviours[i])
            return mp_kind_base((enum mp_kind)i) == kind;
    return false;
}

binding_box *binding_check_self(lua_State *L, int parameters, enum mp_kind kind) {
    return binding_check_self_at_once(L, parameters, kind);
}

binding_box *binding_refuse_box(lua_State *L, int index, enum mp_kind kind) {
    if (binding_test_box(L, index, kind))
        luaL_argerror(L, index, "the object has been collected");
    luaL_typeerror(L, index, binding_kind_name(kind));
    return NULL;
}

bool binding_is(lua_State *L, const binding_state *state, int index, int class) {
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return false;
    bool same = lua_topointer(L, -1) == state->classes.metatables[class];
    lua_pop(L, 1);
    return same;
}

void *binding_check_userdata(lua_State *L, int index, int class) {
    assert(class >= MP_KIND_COUNT && class < CLASS_COUNT);
    if (!binding_is(L, binding_state_of(L), index, class))
        luaL_typeerror(L, index, binding_kind_name(class));
    return lua_touserdata(L, index);
}

void binding_anchor(lua_State *L, int index, mp_object *object) {
    assert(object->loop && lua_touserdata(L, index) == binding_box_of(object));
    if (object->anchor != 0)
        return;
    lua_pushvalue(L, index);
    mp_object_hold(object, luaL_ref(L, LUA_REGISTRYINDEX));
    binding_box_of(object)->weak = false;
}

bool binding_push_fields(lua_State *L, int index) {
    return lua_getiuservalue(L, index, 1) == LUA_TTABLE;
}
