/*
 * Walks; see walk.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/walk.h"

lua_Integer program_places(binding_state *state) {
    return (lua_Integer)lua_rawlen(state->L, LUA_REGISTRYINDEX);
}

static mp_object *object_at(lua_State *L, int index) {
    static const enum mp_kind bases[] = {MP_TCP_SOCKET, MP_TCP_SERVER, MP_TIMER, MP_UDP_SOCKET};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        binding_box *box = binding_test_box(L, index, bases[i]);
        if (box && binding_object(box)->loop)
            return binding_object(box);
    }
    return NULL;
}

program_found program_look_at(binding_state *state, lua_Integer number) {
    lua_State *L = state->L;
    program_found place = {0};
    int type = lua_rawgeti(L, LUA_REGISTRYINDEX, number);
    if (type == LUA_TTABLE && lua_rawgeti(L, -1, 1) == LUA_TUSERDATA) { /* a weak anchor, perhaps */
        lua_replace(L, -2);
        type = LUA_TUSERDATA;
    } else if (type == LUA_TTABLE) {
        lua_pop(L, 1);
    }
    if (type == LUA_TUSERDATA)
        place.object = object_at(L, -1);
    else if (type == LUA_TTHREAD)
        place.task = binding_task_of(lua_tothread(L, -1));
    if (place.object && place.object->anchor != number)
        place.object = NULL;
    if (place.task && place.task->co_reference != number)
        place.task = NULL;
    return place;
}

mp_stream *program_connection(program_found found) {
    mp_stream *stream = (mp_stream *)found.object;
    bool connects = stream && mp_kind_is(found.object->behaviour->kind, MP_TCP_SOCKET) &&
                    found.object->behaviour->kind != MP_PROCESS;
    return connects && stream->state != MP_STATE_UNCONNECTED ? stream : NULL;
}

const char *program_line_of(lua_State *L, int index, char *text) {
    text[0] = '\0';
    if (lua_isfunction(L, index) && !lua_iscfunction(L, index))
        binding_place_of_function(L, index, text, PROGRAM_LINE);
    return text;
}
