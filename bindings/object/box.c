/*
 * Boxes; see box.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/box.h"

#include <string.h>

#include "net/tcp_server.h"
#include "net/tcp_socket.h"
#include "loop/timer.h"
#include "object/class.h"
#include "object/generation.h"

/* Registry key of a weak-keyed table: what finalisers have made while the Lua state was closing. */
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

/* With Lua's header of 56 bytes this fits one of the pool's sizes: there are many sockets. */
_Static_assert(sizeof(void *) != 8 || sizeof(binding_box) + sizeof(mp_tcp_socket) + 56 <= 304,
               "a socket in 304 bytes");

binding_box *binding_new_box(lua_State *L, binding_state *state, int class, size_t size) {
    binding_box *box = lua_newuserdatauv(L, sizeof *box + size, 1);
    /* A finaliser makes it, perhaps one of those at lua_close: what those make is never finalised by Lua. */
    if (lua_gc(L, LUA_GCCOUNT) < 0)
        note_orphan(L);
    memset(box, 0, sizeof *box + size);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[class]);
    lua_setmetatable(L, -2);
    return box;
}

static const char *const class_names[CLASS_COUNT] = {"TcpServer", "TcpSocket",  "Timer", "HostAddress",
                                                     "Task",      "Connection", "Lookup"};

void binding_forget(lua_State *L, binding_box *box, int anchor) {
    if (anchor != 0)
        luaL_unref(L, LUA_REGISTRYINDEX, anchor);
    if (box->has_handlers)
        box->generation->sockets--;
    box->has_handlers = false;
    binding_unreference(box->generation);
    box->generation = NULL;
    binding_object(box)->loop = NULL;
}

/* By its behaviour, which no foreign userdata can have in that place: cheaper than comparing metatables. What
   isn't a userdata has no address. */
binding_box *binding_test_box(lua_State *L, int index, enum mp_kind kind) {
    static const mp_behaviour *const behaviours[] = {&mp_tcp_server_behaviour, &mp_tcp_socket_class.behaviour,
                                                     &mp_timer_behaviour};
    if (lua_rawlen(L, index) < sizeof(binding_box) + sizeof(mp_object))
        return NULL;
    binding_box *box = lua_touserdata(L, index);
    return box && binding_object(box)->behaviour == behaviours[kind] ? box : NULL;
}

binding_box *binding_check_box(lua_State *L, int index, enum mp_kind kind) {
    binding_box *box = binding_test_box(L, index, kind);
    if (!box)
        luaL_typeerror(L, index, class_names[kind]);
    else if (!binding_object(box)->loop)
        luaL_argerror(L, index, "the object has been collected");
    return box;
}

bool binding_is(lua_State *L, const binding_state *state, int index, int class) {
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return false;
    bool same = lua_topointer(L, -1) == state->classes.metatables[class];
    lua_pop(L, 1);
    return same;
}

void *binding_check_userdata(lua_State *L, int index, int class) {
    if (!binding_is(L, binding_state_of(L), index, class))
        luaL_typeerror(L, index, class_names[class]);
    return lua_touserdata(L, index);
}

void binding_anchor(lua_State *L, int index, mp_object *object) {
    if (object->anchor != 0)
        return;
    lua_pushvalue(L, index);
    mp_object_hold(object, luaL_ref(L, LUA_REGISTRYINDEX));
    binding_box_of(object)->weak = false;
}

bool binding_push_fields(lua_State *L, int index) {
    return lua_getiuservalue(L, index, 1) == LUA_TTABLE;
}
