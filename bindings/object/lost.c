/*
 * Objects whose finaliser is lost; see lost.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/lost.h"

#include <assert.h>
#include <stdlib.h>

#include "net/stream_state.h"
#include "net/tcp_server.h"

bool binding_keep_lost(binding_losses *losses, void *block, size_t size) {
    binding_state *state = losses->state;
    if (!(losses->sizes >> (size - BINDING_LEAST_BLOCK) / 8 & 1))
        return false;
    binding_box *box = (binding_box *)((char *)block + losses->header);
    if (!state->loop || binding_object(box)->loop != state->loop)
        return false; /* it has been finalised, or is no object */
    assert(!box->taker && !binding_object(box)->delivering);
    box->unseen_written = (intptr_t)size; /* nobody sees it any more */
    box->next_taken = losses->first;
    losses->first = box;
    mp_loop_set_chore(state->loop, MP_CHORE_EACH_TURN, state->hooks->chore);
    return true;
}

/* A lua_Alloc. */
static void *watch(void *context, void *block, size_t old_size, size_t size) {
    binding_losses *losses = context;
    if (size == 0 && binding_may_be_object(old_size) && binding_keep_lost(losses, block, old_size))
        return NULL;
    return losses->allocate(losses->context, block, old_size, size);
}

/* A lua_Alloc that notes the first block it makes. */
static void *note_block(void *context, void *block, size_t old_size, size_t size) {
    binding_losses *losses = context;
    void *made = losses->allocate(losses->context, block, old_size, size);
    if (!block && !losses->first)
        losses->first = made;
    return made;
}

/* losses -> ; measures what Lua has in front of a box */
static int measure(lua_State *L) {
    binding_losses *losses = lua_touserdata(L, 1);
    lua_setallocf(L, note_block, losses);
    const char *box = lua_newuserdatauv(L, sizeof(binding_box), 1);
    losses->header = (size_t)(box - (const char *)losses->first);
    return 0;
}

void binding_watch_losses(lua_State *L, binding_state *state) {
    binding_losses *losses = state->losses = calloc(1, sizeof *losses);
    if (!losses) {
        luaL_error(L, "moonport: out of memory");
        return;
    }
    losses->state = state;
    losses->allocate = lua_getallocf(L, &losses->context);
    lua_pushcfunction(L, measure);
    lua_pushlightuserdata(L, losses);
    int status = lua_pcall(L, 1, 0, 0);
    lua_setallocf(L, losses->allocate, losses->context);
    losses->first = NULL;
    if (status != LUA_OK)
        lua_error(L);
    assert(losses->header > 0 && losses->header < BINDING_LEAST_BLOCK);
    lua_setallocf(L, watch, losses);
}

/* box -> ; its finaliser takes it by its address */
static int finalise(lua_State *L) {
    binding_box *box = lua_touserdata(L, 1);
    const binding_state *state = binding_object(box)->loop->owner;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->classes.references[binding_object(box)->behaviour->kind]);
    lua_getfield(L, -1, "__gc");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

static bool try_to_finalise(lua_State *L, binding_box *box) {
    lua_pushcfunction(L, finalise);
    lua_pushlightuserdata(L, box);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    return !binding_object(box)->loop;
}

bool binding_finalise_lost(binding_state *state) {
    binding_losses *losses = state->losses;
    binding_box *box;
    while ((box = losses->first)) {
        losses->first = box->next_taken;
        box->next_taken = NULL;
        if (!try_to_finalise(state->L, box)) {
            box->next_taken = losses->first;
            losses->first = box;
            return false;
        }
        losses->allocate(losses->context, (char *)box - losses->header, (size_t)box->unseen_written, 0);
    }
    return true;
}

/* What is lost, but not freed yet. */
static void finalise_unfreed(lua_State *L, mp_network *network) {
    mp_tcp_server *server;
    while ((server = mp_tcp_server_next(network, NULL)))
        if (!try_to_finalise(L, binding_box_of(&server->object)))
            return;
    while (!mp_ring_is_empty(&network->outgoing)) {
        mp_stream *stream = MP_CONTAINER(network->outgoing.next, mp_stream, link);
        if (!try_to_finalise(L, binding_box_of(&stream->object)))
            return;
    }
}

void binding_end_losses(lua_State *L, binding_state *state) {
    binding_losses *losses = state->losses;
    void *context;
    if (!losses)
        return;
    if (state->loop) {
        (void)binding_finalise_lost(state);
        finalise_unfreed(L, mp_network_of(state->loop));
    }
    state->losses = NULL;
    (void)lua_getallocf(L, &context);
    if (context == losses)
        lua_setallocf(L, losses->allocate, losses->context);
    else
        losses->sizes = 0; /* an allocator of another module's stands before it, and calls it to the end */
    if (context == losses || losses->header == 0)
        free(losses);
}
