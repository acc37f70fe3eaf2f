/*
 * How one generation comes after another; see succession.h. A commit touches listeners and what the old run
 * has made, never the connections: those are told one by one, before their next event or when the loop has
 * time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "generation/succession.h"

#include "generation/retirement.h"
#include "generation/udp.h"
#include "net/tcp_server.h"
#include "net/udp_socket.h"
#include "object/class.h"
#include "object/prototype.h"
#include "object/surplus.h"
#include "run/spawn.h"

/* Registry key of persist's table. */
static const char persist_key = 0;

void binding_begin_generation(binding_generation *generation) {
    binding_state *state = generation->state;
    assert(!state->generations.staging && !generation->staging);
    binding_reference(generation);
    if (state->generations.current) {
        generation->staging = true;
        state->generations.staging = generation;
    } else {
        state->generations.current = generation;
    }
}

/* --- persist -------------------------------------------------------------------------------------------- */

bool binding_push_persisted(lua_State *L) {
    return lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key) == LUA_TTABLE;
}

/* moonport.persist(name, init) -> what is kept under the name; init the first time */
static int module_persist(lua_State *L) {
    binding_takes(L, 2);
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 3) == LUA_TNIL && !lua_isnil(L, 2)) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_rawset(L, 3);
        if (binding_generation_of(L)->staging) {
            lua_rawgeti(L, LUA_REGISTRYINDEX, binding_generation_of(L)->persisted);
            lua_pushvalue(L, 1);
            lua_pushboolean(L, 1);
            lua_rawset(L, -3);
        }
        lua_settop(L, 2);
    }
    return 1;
}

/* generation -> */
static int forget_persisted(lua_State *L) {
    binding_generation *generation = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &persist_key);
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->persisted);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushnil(L);
        lua_rawset(L, 2);
    }
    return 0;
}

static void forget_all_persisted(binding_generation *generation) {
    lua_State *L = generation->state->L;
    lua_pushcfunction(L, forget_persisted);
    lua_pushlightuserdata(L, generation);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

void binding_open_persist(lua_State *L) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &persist_key);
}

const luaL_Reg binding_persist_functions[] = {{"persist", module_persist}, {NULL, NULL}};

/* --- staging -------------------------------------------------------------------------------------------- */

/* The next server after `server` (NULL: the first) of a run before `generation`, or NULL. */
static mp_tcp_server *next_older(binding_generation *generation, mp_tcp_server *server) {
    while ((server = mp_tcp_server_next(mp_network_of(generation->state->loop), server))) {
        if (binding_box_is_older(binding_box_of(&server->object), generation))
            break;
    }
    return server;
}

mp_tcp_server *binding_claim_listener(binding_generation *generation, const mp_endpoint *endpoint) {
    mp_tcp_server *server = NULL;
    while ((server = next_older(generation, server)) && !mp_tcp_server_can_be_claimed(server, endpoint))
        continue;
    return server;
}

/* Ends with this run: nobody asks for its descriptor. */
static bool gives_way(const mp_tcp_server *server) {
    return !server->claimed_by || server->claimed_by->listener->watcher.fd >= 0;
}

mp_tcp_server *binding_claim_port(binding_generation *generation, uint16_t port) {
    mp_tcp_server *server = NULL, *found = NULL;
    while (port != 0 && (server = next_older(generation, server))) {
        const mp_listener *listener = server->listener;
        if (listener->watcher.fd >= 0 && listener->port == port && gives_way(server) &&
            (!found || found->claimed_by))
            found = server;
    }
    return found;
}

bool binding_open_listeners(binding_generation *generation, mp_tcp_server **which, enum mp_fault *fault) {
    mp_network *network = mp_network_of(generation->state->loop);
    for (mp_tcp_server *server = mp_tcp_server_next(network, NULL); server;
         server = mp_tcp_server_next(network, server)) {
        if (binding_box_of(&server->object)->generation != generation)
            continue;
        *which = server;
        *fault = mp_tcp_server_open(server);
        if (*fault != MP_FAULT_NONE)
            return false;
    }
    return true;
}

mp_tcp_server *binding_claim_descriptor(binding_generation *generation, int fd) {
    mp_tcp_server *server = NULL;
    while ((server = next_older(generation, server)) && !mp_tcp_server_can_be_adopted(server, fd))
        continue;
    return server;
}

/* generation -> list of its members. A weak key stays in its table until the cycle after its finaliser, so
   that some may have ended. */
static int list_members(lua_State *L) {
    binding_generation *generation = lua_touserdata(L, 1);
    lua_Integer count = 0;
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->members);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, ++count);
    }
    lua_settop(L, 2);
    return 1;
}

typedef void member_visit(lua_State *L, binding_box *box);

/* list, address of visit -> */
static int visit_list(lua_State *L) {
    member_visit *visit = *(member_visit **)lua_touserdata(L, 2);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        binding_box *box = lua_touserdata(L, -1);
        if (binding_object(box)->loop)
            visit(L, box);
        lua_pop(L, 1);
    }
    return 0;
}

/* generation, address of visit -> ; begins anew behind each visit, which may run code that makes new
   members. Needs no memory. */
static int visit_in_place(lua_State *L) {
    binding_generation *generation = lua_touserdata(L, 1);
    member_visit *visit = *(member_visit **)lua_touserdata(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->members);
    for (lua_pushnil(L); lua_next(L, 3);) {
        binding_box *box = lua_touserdata(L, 4);
        lua_pop(L, 1);
        if (box->visited || !binding_object(box)->loop)
            continue;
        box->visited = true;
        visit(L, box);
        lua_settop(L, 3);
        lua_pushnil(L);
    }
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1))
        ((binding_box *)lua_touserdata(L, 4))->visited = false;
    return 0;
}

/* Calls `visit` with each member of the generation, whatever memory there is: a run that is taken over
   from, or undone, is so as a whole. */
static void for_members(binding_generation *generation, member_visit *visit) {
    lua_State *L = generation->state->L;
    lua_pushcfunction(L, list_members);
    lua_pushlightuserdata(L, generation);
    bool listed = lua_pcall(L, 1, 1, 0) == LUA_OK;
    if (!listed) {
        lua_pop(L, 1);
        lua_pushlightuserdata(L, generation);
    }
    lua_pushcfunction(L, listed ? visit_list : visit_in_place);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, &visit);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        mp_log(generation->state->loop->log_level, MP_LOG_ERROR, "reload: %s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}

/* --- commit --------------------------------------------------------------------------------------------- */

static void start_member(lua_State *L, binding_box *box) {
    (void)L;
    if (!box->start_staged)
        return;
    box->start_staged = false;
    if (binding_object(box)->behaviour->kind == MP_TIMER)
        mp_timer_start((mp_timer *)binding_object(box));
    else
        binding_start_spawned(binding_object(box));
}

static void take_over(mp_tcp_server *server) {
    lua_State *L = ((binding_state *)server->object.loop->owner)->L;
    mp_tcp_server *old = server->claims;
    mp_tcp_server_take_over(server);
    /* Each has the other's listener now, and its own prototype behind that one's connections. */
    assert(server->listener->metatable != 0 && old->listener->metatable != 0);
    binding_push(L, &server->object);
    binding_update_prototype(L, -1);
    binding_push(L, &old->object);
    binding_update_prototype(L, -1);
    lua_pop(L, 2);
}

bool binding_has_lost_listener(const binding_generation *generation) {
    mp_loop *loop = generation->state->loop;
    for (mp_tcp_server *server = mp_tcp_server_next(mp_network_of(loop), NULL); server;
         server = mp_tcp_server_next(mp_network_of(loop), server))
        if (server->lost && binding_box_of(&server->object)->generation == generation)
            return true;
    return false;
}

/* Listeners change hands, in O(1) each; those that nobody asks for are closed. */
static void move_listeners(binding_generation *generation, binding_commit *report) {
    lua_State *L = generation->state->L;
    mp_network *network = mp_network_of(generation->state->loop);
    int top = lua_gettop(L);
    for (mp_tcp_server *server = mp_tcp_server_next(network, NULL); server;
         server = mp_tcp_server_next(network, server)) {
        binding_box *box = binding_box_of(&server->object);
        /* Memory is allocated on the way, and what nothing refers to is finalised then: not the one where
           this stands. One that isn't anchored neither listens nor claims, and nothing is allocated for
           it. */
        lua_settop(L, top);
        binding_push(L, &server->object);
        if (box->generation == generation) {
            server->object.epoch = generation->number;
            if (server->claims) {
                take_over(server);
                report->kept++;
            } else if (mp_tcp_server_is_listening(server)) {
                server->staged = false;
                mp_tcp_server_update(server);
                report->added++;
            }
        } else if (box->of_run && mp_tcp_server_is_listening(server) && !server->claimed_by) {
            mp_tcp_server_close(server);
            report->closed++;
        }
    }
    lua_settop(L, top);
}

void binding_commit_generation(binding_generation *generation, binding_commit *report) {
    binding_state *state = generation->state;
    binding_generation *old = state->generations.current;
    generation->staging = false;
    state->generations.staging = NULL;
    state->generations.current = generation;
    move_listeners(generation, report);
    binding_move_udp_sockets(generation, report);
    binding_retire(old);
    for_members(generation, start_member);
    binding_unreference(old);
    state->generations.successions++;
    state->hooks->succeeded(state);
}

/* --- rollback ------------------------------------------------------------------------------------------- */

static void undo_member(lua_State *L, binding_box *box) {
    mp_object *object = binding_object(box);
    (void)L;
    object->blocked = true;
    switch (binding_base_of(object)) {
    case MP_TIMER:
        mp_timer_stop((mp_timer *)object);
        mp_object_check(object);
        break;
    case CLASS_TASK: binding_cancel_spawned(object); break;
    case MP_TCP_SOCKET:
        if (object->anchor != 0)
            mp_stream_abort((mp_stream *)object);
        break;
    case MP_UDP_SOCKET: mp_udp_socket_abort((mp_udp_socket *)object); break;
    case MP_TCP_SERVER:
        mp_tcp_server_unclaim((mp_tcp_server *)object);
        mp_tcp_server_close((mp_tcp_server *)object);
        break;
    default: break;
    }
    box->start_staged = false; /* only now: it tells that a task has not begun */
}

void binding_rollback_generation(binding_generation *generation) {
    binding_state *state = generation->state;
    binding_cancel_tasks(generation);
    for_members(generation, undo_member);
    forget_all_persisted(generation);
    state->generations.staging = NULL;
    state->generations.successions++;
    state->hooks->succeeded(state);
    binding_unreference(generation);
}
