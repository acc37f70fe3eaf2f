/*
 * WebSocket: a socket whose bytes are frames. It is a value of its own beside the socket, whose handlers
 * (lua/moonport/http/server.lua, lua/moonport/websocket.lua) hand on to it what happens.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BINDING_WEBSOCKET_H
#define BINDING_WEBSOCKET_H

#include <lauxlib.h>

#include "data/websocket.h"
#include "net/idle.h"
#include "object/box.h"

/* Its user values. TEXT: what came of a message that isn't complete, a userdata; once it is closed, the
   reason of that. */
enum { WEBSOCKET_SOCKET = 1, WEBSOCKET_FIELDS, WEBSOCKET_TEXT, WEBSOCKET_VALUES = WEBSOCKET_TEXT };

typedef struct binding_websocket {
    mp_stream *stream; /* the socket's; its user value keeps it */
    enum {
        WEBSOCKET_OPEN,    /* until it sends its close */
        WEBSOCKET_CLOSING, /* until it gets the peer's */
        WEBSOCKET_CLOSED
    } state;
    uint16_t code;        /* of the close; 0: none */
    bool refused : 1;     /* the peer has broken the protocol */
    bool unsettled : 1;   /* a message is being made: an error left it so */
    bool dispatching : 1; /* handlers of messages run */
    bool ended : 1;       /* so has the connection */
    bool told : 1;        /* `closed` was called */
    bool pinged : 1;      /* and nothing has come since */
    uint16_t row;         /* messages that were taken one after another */
    mp_websocket_reader reader;
    size_t size, capacity; /* of TEXT */
    uint64_t sent, got;    /* by the stream, when its peer was last seen to read and to write */
    double close_time;     /* milliseconds */
    mp_idle idle;          /* when nothing has come, or the close takes too long */
} binding_websocket;

void binding_open_websocket(lua_State *L, binding_state *state);

/* moonport.websocket.frames: what lua/moonport leaves to C. */
__attribute__((visibility("default"))) int luaopen_moonport_websocket_frames(lua_State *L);

/* --- websocket_fields.c --------------------------------------------------------------------------------- */

/* The WebSocket at index 1 of a function that takes so many arguments beside it. */
binding_websocket *binding_check_websocket(lua_State *L, int parameters);

/* Pushes its field, or its server's prototype's, of the name on top, which it pops; nil: there is none. */
void binding_push_websocket_field(lua_State *L, const binding_websocket *ws, int index);

/* Pushes the field of that name. True: there is one. */
bool binding_push_websocket_handler(lua_State *L, const binding_websocket *ws, int index, const char *name);

/* True if its server has a prototype with such a field. */
bool binding_has_websocket_prototype(lua_State *L, const binding_websocket *ws, const char *name);

/* Has readyRead signalled again if something is unread. */
void binding_tell_websocket_unread(binding_websocket *ws);

/* __index and __newindex. Upvalues: the state, the methods. */
int binding_websocket_index(lua_State *L);
int binding_websocket_newindex(lua_State *L);

/* --- websocket_send.c ----------------------------------------------------------------------------------- */

/* Starts to ping it after each so many milliseconds in which nothing comes; 0: never. Raises on lack of
   memory. */
void binding_watch_websocket(lua_State *L, binding_websocket *ws, double msec);

/* Something has come. */
static inline void binding_note_websocket_input(binding_websocket *ws) {
    ws->pinged = false;
    if (ws->state == WEBSOCKET_OPEN)
        mp_idle_touch(&ws->idle);
}

/* Sends a control frame. */
enum mp_fault binding_send_control(binding_websocket *ws, enum mp_websocket_opcode opcode, const char *data,
                                   size_t size);

/* Sends a close, if it hasn't yet; with MP_WEBSOCKET_NO_CODE without a code. */
void binding_send_websocket_close(binding_websocket *ws, uint16_t code, const char *reason, size_t size);

/* Both have sent their close, or the peer's is of no use: ends the connection, or with `peer` waits a moment
   until the peer does. */
void binding_end_websocket(binding_websocket *ws, bool peer);

/* --- websocket_receive.c -------------------------------------------------------------------------------- */

enum binding_taken { WEBSOCKET_NOTHING, WEBSOCKET_MESSAGE, WEBSOCKET_OVER };

/* Takes what has arrived, up to and with the next message, and pushes text and kind of that. If it isn't
   `wanted`, the message stays, and all behind it. `index`: where the WebSocket is. */
enum binding_taken binding_take_message(lua_State *L, binding_websocket *ws, int index, bool wanted);

/* True if a task waits for a message. */
bool binding_websocket_is_awaited(const binding_websocket *ws);

/* True if so many messages were taken that others must run first. */
bool binding_websocket_took_turn(binding_websocket *ws);

/* Closes it with the code and the reason on top, which it pops. */
void binding_refuse_websocket(lua_State *L, binding_websocket *ws, int index, uint16_t code);

/* --- websocket_handlers.c ------------------------------------------------------------------------------- */

/* frames.arrived(ws), ended(ws), resumed(ws): readyRead, disconnected and connectionResumed of its socket;
   failed(ws, problem): the handler of its request has failed. Upvalues: the state, binding_handle_websocket,
   whose upvalue is the state. */
int binding_handle_websocket(lua_State *L);
extern const luaL_Reg binding_websocket_events[];

extern const luaL_Reg binding_websocket_sending[], binding_websocket_receiving[];

#endif
