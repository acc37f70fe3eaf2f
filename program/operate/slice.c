/*
 * Slices of an answer; see slice.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/slice.h"

#include <lauxlib.h>
#include <stdlib.h>

/* Milliseconds of a slice, and the places between two looks at the clock. */
#define SLICE 1.
#define PLACES 16

/* visitor, address of what is done -> */
static int look_at_some(lua_State *L) {
    program_visitor *visitor = lua_touserdata(L, 1);
    program_look *look = *(program_look **)lua_touserdata(L, 2);
    lua_Integer places = program_places(visitor->state);
    double end = mp_loop_now() + SLICE;
    int top = lua_gettop(L);
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    while (visitor->next <= places && !program_is_behind(visitor)) {
        look(visitor, program_look_at(visitor->state, visitor->next));
        lua_settop(L, top);
        if (visitor->next++ % PLACES == 0 && mp_loop_now() >= end)
            break;
    }
    return 0;
}

enum program_sliced program_do_slice(program_visitor *visitor, program_look *look) {
    lua_State *L = visitor->state->L;
    lua_pushcfunction(L, look_at_some);
    lua_pushlightuserdata(L, visitor);
    lua_pushlightuserdata(L, &look);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "out of memory";
        program_end_answer(visitor, why);
        lua_pop(L, 1);
        return PROGRAM_SLICE_FAILED;
    }
    return visitor->next <= program_places(visitor->state) ? PROGRAM_SLICE_MORE : PROGRAM_SLICE_LAST;
}

void program_want_connection(program_visitor *visitor) {
    char *end;
    unsigned long number = strtoul(visitor->words[1], &end, 10);
    visitor->next = 1;
    visitor->wanted = *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
    if (visitor->wanted == 0)
        program_end_answer(visitor, "needs the id of a connection, see: connections");
}

mp_stream *program_wanted_connection(program_visitor *visitor, program_found found) {
    mp_stream *stream = program_connection(found);
    if (!stream || visitor->wanted == 0 || mp_stream_number(stream) != visitor->wanted)
        return NULL;
    visitor->wanted = 0;
    return stream;
}
