/*
 * The state of the bindings: what belongs to one Lua state, the loop's upcalls that make and release objects,
 * and the metatables of the classes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <string.h>

#include "object/binding.h"
#include "object/generation.h"
#include "library.h"
#include "module.h"

/* Registry keys are addresses of these. */
static const char state_key = 0, orphans_key = 0;

/* --- upcalls ----------------------------------------------------------------------------------------------------- */

mp_tcp_socket *binding_push_new_socket(lua_State *L, binding_state *state, const mp_tcp_server *server) {
    binding_box *box = binding_new_box(L, state, MP_TCP_SOCKET, sizeof(mp_tcp_socket));
    mp_tcp_socket *socket = (mp_tcp_socket *)binding_object(box);
    binding_set_plain(L, state, server);
    mp_tcp_socket_init(socket, mp_network_of(state->loop));
    return socket;
}

/* server -> address of a fresh, anchored socket */
static int new_accepted(lua_State *L) {
    mp_tcp_server *server = lua_touserdata(L, 1);
    mp_tcp_socket *socket = binding_push_new_socket(L, server->object.loop->owner, server);
    socket->stream.object.epoch = server->object.epoch;
    binding_anchor(L, -1, &socket->stream.object);
    lua_pushlightuserdata(L, &socket->stream);
    return 1;
}

static mp_stream *accept_upcall(mp_tcp_server *server) {
    binding_state *state = server->object.loop->owner;
    lua_State *L = state->L;
    mp_stream *stream = NULL;
    lua_pushcfunction(L, new_accepted);
    lua_pushlightuserdata(L, server);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        stream = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return stream;
}

static void release_upcall(mp_object *object) {
    binding_state *state = object->loop->owner;
    int anchor = object->anchor;
    binding_release(object);
    object->anchor = 0;
    luaL_unref(state->L, LUA_REGISTRYINDEX, anchor);
    if (object->behaviour->kind == MP_TCP_SOCKET)
        binding_note_release(state);
}

static void unpin_upcall(void *owner, int token) {
    luaL_unref(((binding_state *)owner)->L, LUA_REGISTRYINDEX, token);
}

static const mp_upcalls upcalls = {binding_emit, release_upcall};
static const mp_network_upcalls network_upcalls = {binding_arrived, accept_upcall, unpin_upcall,
                                                   binding_flushed};

/* --- boxes and classes --------------------------------------------------------------------------------------------- */

/* Notes the object on top of the stack, with weak keys. */
static void note_orphan(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &orphans_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_createtable(L, 0, 1);
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &orphans_key);
    }
    lua_pushvalue(L, -2);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* Finalises what was noted, if Lua hasn't done so. */
static void finalise_orphans(lua_State *L) {
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
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->metatable_refs[class]);
    lua_setmetatable(L, -2);
    return box;
}

static const char *const class_names[CLASS_COUNT] = {"TcpServer",   "TcpSocket", "Timer",
                                                     "HostAddress", "Task",      "Connection"};

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

/* By its behaviour, which no foreign userdata can have in that place: cheaper than comparing metatables. What isn't a
   userdata has no address. */
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
    bool same = lua_topointer(L, -1) == state->metatables[class];
    lua_pop(L, 1);
    return same;
}

void *binding_check_userdata(lua_State *L, int index, int class) {
    if (!binding_is(L, binding_state_of(L), index, class))
        luaL_typeerror(L, index, class_names[class]);
    return lua_touserdata(L, index);
}

void binding_new_class(lua_State *L, binding_state *state, int class, const char *name,
                       const luaL_Reg *methods) {
    lua_newtable(L);
    state->metatables[class] = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    state->metatable_refs[class] = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    /* What getmetatable gives: the finaliser, which trusts its argument, is out of a script's reach. */
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, methods, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
}

static void set_metamethod(lua_State *L, binding_state *state, const char *name, lua_CFunction function) {
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void binding_finish_class(lua_State *L, binding_state *state, int class, lua_CFunction gc,
                          lua_CFunction to_string, lua_CFunction finish) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    binding_object_metamethods(L, state, class);
    set_metamethod(L, state, "__gc", gc);
    set_metamethod(L, state, "__tostring", to_string);
    set_metamethod(L, state, "__close", finish);
    lua_pop(L, 1);
}

void binding_anchor(lua_State *L, int index, mp_object *object) {
    if (object->anchor != 0)
        return;
    lua_pushvalue(L, index);
    mp_object_hold(object, luaL_ref(L, LUA_REGISTRYINDEX));
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

/* The state is the first userdata with a finaliser, so that lua_close finalises it after all objects. */
static int state_gc(lua_State *L) {
    binding_state *state = lua_touserdata(L, 1);
    finalise_orphans(L);
    binding_free_tasks(state);
    binding_unreference(state->staging);
    binding_unreference(state->current);
    if (state->loop)
        mp_network_free(mp_network_of(state->loop));
    state->loop = NULL;
    return 0;
}

binding_state *binding_find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    binding_state *state = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return state;
}

static lua_State *main_thread(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    return thread;
}

/* A peer that has gone must not end the process; a program that handles SIGPIPE itself keeps its way. */
static void ignore_sigpipe(void) {
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

binding_state *binding_open(lua_State *L) {
    binding_state *state = lua_newuserdatauv(L, sizeof *state, 0);
    memset(state, 0, sizeof *state);
    state->L = main_thread(L);
    mp_ring_init(&state->tasks);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    mp_network *network;
    if (mp_network_new(&upcalls, &network_upcalls, state, &network) < 0)
        luaL_error(L, "moonport: out of memory");
    state->loop = &network->loop;
    if (!lua_checkstack(state->L, BINDING_STACK))
        luaL_error(L, "moonport: out of memory");
    ignore_sigpipe();
    /* Whatever a script does with newConnection, its connections are accepted. */
    state->loop->wanted = MP_SIGNAL_BIT(MP_SIGNAL_NEW_CONNECTION);
    *(void **)lua_getextraspace(state->L) = NULL;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        lua_pushstring(L, binding_signal_name((enum mp_signal)i));
        state->signal_names[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    binding_open_tcp_socket(L, state);
    binding_open_tcp_server(L, state);
    binding_open_timer(L, state);
    binding_open_host_address(L, state);
    binding_open_tasks(L, state);
    binding_open_connections(L, state);
    binding_open_writing(L, state);
    binding_preload_library(L);
    (void)binding_new_generation(L, state);
    return state;
}
