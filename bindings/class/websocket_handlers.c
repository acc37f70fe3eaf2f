/*
 * The handlers of a WebSocket: `message`, one after another, and in the end `closed`. They run as its
 * socket's readyRead and disconnected.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include "class/websocket.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "run/wait.h"
#include "signal/peer_fault.h"

/* --- closed --------------------------------------------------------------------------------------------- */

static int handled(lua_State *L, int status, lua_KContext context) {
    (void)L;
    (void)status;
    (void)context;
    return 0;
}

/* Calls `closed`, once. */
static int tell_closed(lua_State *L, binding_websocket *ws) {
    lua_settop(L, 1);
    if (ws->told || !binding_push_websocket_handler(L, ws, 1, "closed")) {
        ws->told = true;
        return 0;
    }
    ws->told = true;
    lua_pushvalue(L, 1);
    lua_pushinteger(L, ws->code ? ws->code : MP_WEBSOCKET_ABNORMAL);
    if (lua_getiuservalue(L, 1, WEBSOCKET_TEXT) != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushliteral(L, "");
    }
    lua_callk(L, 3, 0, 0, handled);
    return 0;
}

/* --- message -------------------------------------------------------------------------------------------- */

/* error -> the same; a text with its traceback */
static int with_traceback(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING)
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* A handler has raised the error on top: the peer learns that something went wrong, before the host ends the
   connection. Stack: 1 the WebSocket. */
static int handler_failed(lua_State *L, binding_websocket *ws) {
    uint16_t code = binding_is_peer_fault(L) ? MP_WEBSOCKET_POLICY : MP_WEBSOCKET_ERROR;
    if (ws->stream->object.loop && ws->state == WEBSOCKET_OPEN) {
        lua_pushliteral(L, "");
        binding_refuse_websocket(L, ws, 1, code);
        (void)mp_stream_flush(ws->stream);
    }
    return lua_error(L);
}

/* Runs the handlers of what has come. Stack: 1 the WebSocket. */
static int handle_messages(lua_State *L, int status, lua_KContext context) {
    binding_websocket *ws = lua_touserdata(L, 1);
    (void)status;
    for (;;) {
        lua_settop(L, 1);
        if (binding_websocket_took_turn(ws))
            return binding_suspend(L, &(binding_wait_request){.msec = 0}, handle_messages, context);
        bool wanted = false;
        if (ws->state == WEBSOCKET_OPEN)
            wanted = binding_push_websocket_handler(L, ws, 1, "message") && !binding_websocket_is_awaited(ws);
        lua_pushvalue(L, 1);
        if (binding_take_message(L, ws, 1, wanted) != WEBSOCKET_MESSAGE)
            return 0;
        lua_callk(L, 3, 0, context, handle_messages);
    }
}

int binding_handle_websocket(lua_State *L) {
    return handle_messages(L, LUA_OK, 0);
}

/* Stack: 1 the WebSocket. */
static int handlers_ended(lua_State *L, int status, lua_KContext context) {
    binding_websocket *ws = lua_touserdata(L, 1);
    (void)context;
    ws->dispatching = false;
    if (status != LUA_OK && status != LUA_YIELD)
        return handler_failed(L, ws);
    return ws->ended ? tell_closed(L, ws) : 0;
}

/* An error, also one of looking a handler up, ends in handlers_ended. Stack: 1 the WebSocket. */
static int run_handlers(lua_State *L, binding_websocket *ws) {
    if (ws->dispatching)
        return 0;
    ws->dispatching = true;
    lua_pushcfunction(L, with_traceback);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    return handlers_ended(L, lua_pcallk(L, 1, 0, 2, 0, handlers_ended), 0);
}

/* frames.arrived(ws) */
static int frames_arrived(lua_State *L) {
    return run_handlers(L, binding_check_websocket(L, 0));
}

/* frames.ended(ws): handlers of what came before the end run first */
static int frames_ended(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 0);
    mp_idle_unwatch(&ws->idle);
    ws->ended = true;
    return run_handlers(L, ws);
}

/* frames.resumed(ws): a loop of older code may have to end */
static int frames_resumed(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 0);
    if (binding_websocket_is_awaited(ws) && mp_stream_is_receiving(ws->stream))
        mp_object_emit(&ws->stream->object, MP_SIGNAL_READY_READ, 0);
    return 0;
}

/* frames.failed(ws, problem): the handler of the request that became the WebSocket has raised it; raises it
   again */
static int frames_failed(lua_State *L) {
    return handler_failed(L, binding_check_websocket(L, 1));
}

const luaL_Reg binding_websocket_events[] = {{"arrived", frames_arrived},
                                             {"ended", frames_ended},
                                             {"resumed", frames_resumed},
                                             {"failed", frames_failed},
                                             {NULL, NULL}};
