/*
 * The class WebSocket, and moonport.websocket.frames.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/websocket.h"

#include "net/stream.h"
#include "object/arguments.h"
#include "object/class.h"
#include "system/system.h"

/* --- facts ---------------------------------------------------------------------------------------------- */

/* ws:socket() -> the socket */
static int websocket_socket(lua_State *L) {
    (void)binding_check_websocket(L, 0);
    lua_getiuservalue(L, 1, WEBSOCKET_SOCKET);
    return 1;
}

/* ws:state() -> "ConnectedState", "ClosingState" or "UnconnectedState" */
static int websocket_state(lua_State *L) {
    const binding_websocket *ws = binding_check_websocket(L, 0);
    int state = ws->stream->state;
    if (state == MP_STATE_CONNECTED && ws->state != WEBSOCKET_OPEN)
        state = MP_STATE_CLOSING;
    lua_pushstring(L, binding_state_name(state));
    return 1;
}

/* ws:closeCode() -> the code of the close that ended it | nil */
static int websocket_close_code(lua_State *L) {
    const binding_websocket *ws = binding_check_websocket(L, 0);
    if (ws->code)
        lua_pushinteger(L, ws->code);
    else
        lua_pushnil(L);
    return 1;
}

/* ws:closeReason() -> and its reason | nil */
static int websocket_close_reason(lua_State *L) {
    const binding_websocket *ws = binding_check_websocket(L, 0);
    if (ws->code)
        lua_getiuservalue(L, 1, WEBSOCKET_TEXT);
    else
        lua_pushnil(L);
    return 1;
}

/* ws:abort(): without a close */
static int websocket_abort(lua_State *L) {
    binding_websocket *ws = binding_check_websocket(L, 0);
    lua_getiuservalue(L, 1, WEBSOCKET_SOCKET);
    binding_anchor(L, -1, &ws->stream->object);
    mp_stream_abort(ws->stream);
    mp_object_check(&ws->stream->object);
    ws->state = WEBSOCKET_CLOSED;
    return 0;
}

static int websocket_to_string(lua_State *L) {
    const binding_websocket *ws = binding_check_userdata(L, 1, CLASS_WEBSOCKET);
    if (!ws->stream) {
        lua_pushliteral(L, "WebSocket(collected)");
        return 1;
    }
    lua_getiuservalue(L, 1, WEBSOCKET_SOCKET);
    lua_pushfstring(L, "WebSocket over %s", luaL_tolstring(L, -1, NULL));
    return 1;
}

/* --- life ----------------------------------------------------------------------------------------------- */

static int websocket_gc(lua_State *L) {
    binding_websocket *ws = lua_touserdata(L, 1);
    const binding_state *state = lua_touserdata(L, lua_upvalueindex(1));
    if (state->loop && ws->stream)
        mp_idle_unwatch(&ws->idle);
    ws->stream = NULL;
    return 0;
}

/* frames.open(socket, isClient, limit, pingTime, closeTime) -> a WebSocket over the socket, whose handshake
   is done; it closes after bytes of a message beyond the limit, pings after pingTime, gives a close
   closeTime */
static int frames_open(lua_State *L) {
    binding_state *state = binding_state_of(L);
    mp_stream *stream = (mp_stream *)binding_object(binding_check_box(L, 1, MP_TCP_SOCKET));
    size_t limit = binding_check_size(L, 3, "the limit");
    double ping_time = binding_check_msec(L, 4, 0), close_time = binding_check_msec(L, 5, 0);
    luaL_argcheck(L, ping_time >= 0, 4, "endless");
    luaL_argcheck(L, close_time > 0, 5, "no time");
    binding_websocket *ws = binding_new_value(L, state, CLASS_WEBSOCKET, sizeof *ws, WEBSOCKET_VALUES);
    ws->reader.limit = limit;
    ws->reader.masked = !lua_toboolean(L, 2);
    ws->close_time = close_time;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, WEBSOCKET_SOCKET);
    ws->stream = stream;
    binding_watch_websocket(L, ws, ping_time);
    binding_tell_websocket_unread(ws);
    return 1;
}

void binding_open_websocket(lua_State *L, binding_state *state) {
    static const luaL_Reg methods[] = {
        {"socket", websocket_socket},        {"state", websocket_state},
        {"closeCode", websocket_close_code}, {"closeReason", websocket_close_reason},
        {"abort", websocket_abort},          {NULL, NULL},
    };
    binding_new_class(L, state, CLASS_WEBSOCKET, methods);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, binding_websocket_receiving, 1);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, binding_websocket_sending, 1);
    lua_getfield(L, -1, "__close");
    lua_setfield(L, -3, "__close");
    lua_pushnil(L);
    lua_setfield(L, -2, "__close");
    static const luaL_Reg access[] = {
        {"__index", binding_websocket_index}, {"__newindex", binding_websocket_newindex}, {NULL, NULL}};
    for (const luaL_Reg *function = access; function->name; function++) {
        lua_pushlightuserdata(L, state);
        lua_pushvalue(L, -2);
        lua_pushcclosure(L, function->func, 2);
        lua_setfield(L, -3, function->name);
    }
    lua_pop(L, 1);
    binding_set_function(L, state, "__gc", websocket_gc);
    binding_set_function(L, state, "__tostring", websocket_to_string);
    lua_pop(L, 1);
}

/* --- the handshake -------------------------------------------------------------------------------------- */

/* frames.key() -> a new Sec-WebSocket-Key */
static int frames_key(lua_State *L) {
    uint8_t random[16];
    char key[MP_WEBSOCKET_KEY];
    mp_system_random(random, sizeof random);
    mp_websocket_make_key(random, key);
    lua_pushlstring(L, key, sizeof key);
    return 1;
}

/* frames.accept(key) -> the Sec-WebSocket-Accept that answers it | nil: it is malformed */
static int frames_accept(lua_State *L) {
    char accept[MP_WEBSOCKET_ACCEPT];
    size_t size;
    const char *key = luaL_checklstring(L, 1, &size);
    if (mp_websocket_is_key(key, size)) {
        mp_websocket_accept(key, accept);
        lua_pushlstring(L, accept, sizeof accept);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

int luaopen_moonport_websocket_frames(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"open", frames_open}, {"key", frames_key}, {"accept", frames_accept}, {NULL, NULL}};
    binding_state *state = binding_find(L);
    if (!state)
        return luaL_error(L, "moonport.websocket needs moonport");
    lua_newtable(L);
    lua_pushlightuserdata(L, state);
    luaL_setfuncs(L, functions, 1);
    lua_pushlightuserdata(L, state);
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, binding_handle_websocket, 1);
    luaL_setfuncs(L, binding_websocket_events, 2);
    return 1;
}
