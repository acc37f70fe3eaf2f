/*
 * What a WebSocket receives: frames are taken from where they have arrived. A message that is there as a
 * whole becomes a string without another copy; else its parts are put together as they come.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <string.h>

#include "class/websocket.h"
#include "net/stream.h"
#include "net/stream_input.h"
#include "object/arguments.h"
#include "object/generation.h"
#include "object/result.h"
#include "run/wait.h"

/* --- messages ------------------------------------------------------------------------------------------- */

static void drop_parts(lua_State *L, binding_websocket *ws, int index) {
    if (ws->size > 0 || ws->capacity > 0) {
        lua_pushnil(L);
        lua_setiuservalue(L, index, WEBSOCKET_TEXT);
    }
    ws->size = ws->capacity = 0;
}

/* Puts a part behind those that came before, and pushes the userdata that has them. */
static const char *add_part(lua_State *L, binding_websocket *ws, int index, const mp_websocket_item *item) {
    lua_getiuservalue(L, index, WEBSOCKET_TEXT);
    char *text = lua_touserdata(L, -1);
    if (!text || ws->capacity - ws->size < item->size) {
        size_t needed = ws->size + item->size, whole = needed + (size_t)ws->reader.left;
        size_t capacity = 2 * needed + 64;
        if (ws->reader.final && whole < capacity)
            capacity = whole;
        char *larger = lua_newuserdatauv(L, capacity, 0);
        if (text)
            memcpy(larger, text, ws->size);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, index, WEBSOCKET_TEXT);
        lua_replace(L, -2);
        text = larger;
        ws->capacity = capacity;
    }
    if (item->size > 0)
        memcpy(text + ws->size, item->data, item->size);
    ws->size += item->size;
    return text;
}

/* Pushes text and kind of the message that is complete with this part. */
static void push_message(lua_State *L, binding_websocket *ws, int index, const mp_websocket_item *item) {
    binding_note_input(ws->stream->object.loop->owner, (size_t)item->total);
    if (item->size == item->total) {
        lua_pushlstring(L, item->data, item->size);
    } else {
        const char *text = add_part(L, ws, index, item);
        lua_pushlstring(L, text, ws->size);
        lua_remove(L, -2);
    }
    drop_parts(L, ws, index);
    if (item->kind == MP_WEBSOCKET_TEXT)
        lua_pushliteral(L, "text");
    else
        lua_pushliteral(L, "binary");
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* Notes how it was closed; the reason is on top, and is popped. */
static void note_close(lua_State *L, binding_websocket *ws, int index, uint16_t code) {
    ws->code = code;
    ws->size = ws->capacity = 0;
    lua_setiuservalue(L, index, WEBSOCKET_TEXT);
}

void binding_refuse_websocket(lua_State *L, binding_websocket *ws, int index, uint16_t code) {
    size_t size;
    const char *reason = lua_tolstring(L, -1, &size);
    ws->refused = true;
    binding_send_websocket_close(ws, code, reason, size);
    note_close(L, ws, index, code);
    binding_end_websocket(ws, false);
}

/* The peer's close: ours has the same code. A client leaves it to the server to end the connection. */
static void closed_by_peer(lua_State *L, binding_websocket *ws, int index, const mp_websocket_item *item) {
    binding_send_websocket_close(ws, item->code, "", 0);
    lua_pushlstring(L, item->data, item->size);
    note_close(L, ws, index, item->code);
    binding_end_websocket(ws, !ws->reader.masked);
}

/* --- taking --------------------------------------------------------------------------------------------- */

/* Takes one item. An error, which only a lack of memory causes, leaves it `unsettled`. */
static enum binding_taken take_item(lua_State *L, binding_websocket *ws, int index,
                                    enum mp_websocket_outcome outcome, const mp_websocket_item *item) {
    bool open = ws->state == WEBSOCKET_OPEN;
    switch (outcome) {
    case MP_WEBSOCKET_PIECE:
        if (open) {
            (void)add_part(L, ws, index, item);
            lua_pop(L, 1);
        }
        return WEBSOCKET_NOTHING;
    case MP_WEBSOCKET_MESSAGE:
        if (open)
            push_message(L, ws, index, item);
        else
            drop_parts(L, ws, index); /* after our close nobody wants it */
        return open ? WEBSOCKET_MESSAGE : WEBSOCKET_NOTHING;
    case MP_WEBSOCKET_PINGED:
        if (open)
            (void)binding_send_control(ws, MP_WEBSOCKET_PONG, item->data, item->size);
        return WEBSOCKET_NOTHING;
    case MP_WEBSOCKET_CLOSED: closed_by_peer(L, ws, index, item); return WEBSOCKET_OVER;
    case MP_WEBSOCKET_REFUSED:
        lua_pushstring(L, item->why);
        binding_refuse_websocket(L, ws, index, item->code);
        return WEBSOCKET_OVER;
    default: return WEBSOCKET_NOTHING;
    }
}

/* Messages of one that are taken before others run. */
#define TURN 100

bool binding_websocket_took_turn(binding_websocket *ws) {
    if (ws->row < TURN)
        return false;
    ws->row = 0;
    return true;
}

enum binding_taken binding_take_message(lua_State *L, binding_websocket *ws, int index, bool wanted) {
    enum binding_taken taken = WEBSOCKET_NOTHING;
    size_t size;
    char *text = mp_stream_unread(ws->stream, &size);
    if (size > 0)
        binding_note_websocket_input(ws);
    if (ws->unsettled) {
        mp_stream_abort(ws->stream);
        ws->state = WEBSOCKET_CLOSED;
    }
    for (; taken == WEBSOCKET_NOTHING; text = mp_stream_unread(ws->stream, &size)) {
        mp_websocket_item item;
        if (ws->state == WEBSOCKET_CLOSED) {
            mp_stream_consume(ws->stream, size);
            return WEBSOCKET_OVER;
        }
        if (size == 0)
            ws->row = 0;
        if (size == 0 ||
            (!wanted && ws->state == WEBSOCKET_OPEN && !mp_websocket_at_control(&ws->reader, text, size)))
            return WEBSOCKET_NOTHING;
        enum mp_websocket_outcome outcome = mp_websocket_next(&ws->reader, text, size, &item);
        if (outcome == MP_WEBSOCKET_MORE)
            return WEBSOCKET_NOTHING;
        ws->unsettled = true;
        taken = take_item(L, ws, index, outcome, &item);
        ws->unsettled = false;
        mp_stream_consume(ws->stream, outcome == MP_WEBSOCKET_REFUSED ? size : item.used);
    }
    ws->row++;
    return taken;
}

/* --- receive and messages ------------------------------------------------------------------------------- */

/* The state of a wait for a message is on its stack. FOREVER: the loop of `messages` waits. */
enum { AT_SOCKET = 1, AT_WEBSOCKET, AT_DEADLINE };
#define FOREVER (-1.0)

#define BIT(name) MP_SIGNAL_BIT(MP_SIGNAL_##name)
#define SIGNALS                                                                                              \
    (BIT(READY_READ) | BIT(ERROR_OCCURRED) | BIT(READ_CHANNEL_FINISHED) | BIT(DISCONNECTED) |                \
     BIT(STATE_CHANGED))

/* Each signal may be a reason to go on. */
static bool something_came(const binding_wait *wait) {
    (void)wait;
    return true;
}

bool binding_websocket_is_awaited(const binding_websocket *ws) {
    return binding_is_awaited(&ws->stream->object, something_came);
}

/* nil, message, code: why there is no message */
static int receive_failed(lua_State *L, const binding_websocket *ws, enum mp_fault fault) {
    if (fault != MP_FAULT_NONE)
        return binding_fail_of(L, "receive", ws->stream, fault);
    if (ws->code == 0)
        return binding_fail_of(L, "receive", ws->stream, mp_stream_end_fault(ws->stream));
    lua_pushnil(L);
    lua_pushfstring(L, "receive: closed with %d", (int)ws->code);
    lua_pushstring(L, ws->refused ? "ProtocolFailure" : mp_fault_code(MP_FAULT_REMOTE_CLOSED));
    return 3;
}

/* True if the code of a loop is old, and the new server has a handler for what follows. */
static bool is_relieved(lua_State *L, const binding_websocket *ws) {
    const binding_state *state = ws->stream->object.loop->owner;
    const binding_generation *generation = binding_running_generation(state);
    return generation && binding_is_older(generation) && binding_has_websocket_prototype(L, ws, "message");
}

static int go_on(lua_State *L, int status, lua_KContext loops);

/* Waits as a taker, also to let others run: handlers don't take what is for it. */
static int suspend(lua_State *L, binding_websocket *ws, uint64_t signals, double msec, bool loops) {
    binding_wait_request request = {
        .object = &ws->stream->object, .test = something_came, .signals = signals, .msec = msec};
    return binding_suspend(L, &request, go_on, loops);
}

static int take_or_wait(lua_State *L, binding_websocket *ws, bool loops) {
    double deadline = lua_tonumber(L, AT_DEADLINE), left = binding_rest(L);
    if (binding_websocket_took_turn(ws))
        return suspend(L, ws, 0, 0, loops);
    if (loops && is_relieved(L, ws)) {
        binding_tell_websocket_unread(ws);
        lua_pushnil(L);
        return 1;
    }
    enum binding_taken taken = binding_take_message(L, ws, AT_WEBSOCKET, true);
    if (taken == WEBSOCKET_MESSAGE)
        return 2;
    if (taken == WEBSOCKET_OVER || mp_stream_at_end(ws->stream))
        return receive_failed(L, ws, MP_FAULT_NONE);
    if (deadline >= 0)
        left = fmin(left, deadline - mp_loop_now());
    if (left <= 0)
        return receive_failed(L, ws, MP_FAULT_WAIT_TIMEOUT);
    return suspend(L, ws, SIGNALS, left, loops);
}

static int go_on(lua_State *L, int status, lua_KContext loops) {
    binding_websocket *ws = lua_touserdata(L, AT_WEBSOCKET);
    (void)status;
    binding_box_of(&ws->stream->object)->unseen = false;
    if (binding_outcome(L) == WAIT_CANCELLED)
        return receive_failed(L, ws, MP_FAULT_CANCELLED);
    return take_or_wait(L, ws, loops != 0);
}

/* The WebSocket is at index 1. */
static int begin(lua_State *L, double deadline, bool loops) {
    binding_websocket *ws = binding_check_websocket(L, BINDING_ANY);
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, WEBSOCKET_SOCKET);
    lua_insert(L, AT_SOCKET);
    lua_pushnumber(L, deadline);
    return take_or_wait(L, ws, loops);
}

/* ws:receive([msec = 30000]) -> message, kind | nil, message, code */
static int websocket_receive(lua_State *L) {
    (void)binding_check_websocket(L, 1);
    double msec = binding_check_msec(L, 2, 30000);
    return begin(L, msec < 0 ? FOREVER : mp_loop_now() + msec, false);
}

/* Upvalues: the state, the WebSocket. */
static int next_message(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    return begin(L, FOREVER, true);
}

/* ws:messages() -> an iterator over messages and their kinds */
static int websocket_messages(lua_State *L) {
    (void)binding_check_websocket(L, 0);
    lua_pushlightuserdata(L, binding_state_of(L));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_message, 2);
    return 1;
}

const luaL_Reg binding_websocket_receiving[] = {
    {"receive", websocket_receive}, {"messages", websocket_messages}, {NULL, NULL}};
