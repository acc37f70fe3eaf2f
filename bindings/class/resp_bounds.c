/*
 * The options of moonport.resp's readers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/resp.h"

#include <lauxlib.h>
#include <string.h>

/* An option that is a whole number from 1 on. */
typedef struct bound {
    const char *name;
    lua_Integer otherwise, most;
} bound;

#define MOST_SIZE ((lua_Integer)1 << 40)
#define MOST_COUNT ((lua_Integer)1 << 26)
#define MOST_LINE ((lua_Integer)1 << 30)
#define REPLY_LINE ((lua_Integer)64 << 10)

static const bound of_commands[] = {
    {"maxSize", 32 << 20, MOST_SIZE},
    {"maxCount", 1 << 20, MOST_COUNT},
    {"maxArgument", 16 << 20, MOST_SIZE},
    {"maxLine", 64 << 10, MOST_LINE},
    {NULL, 0, 0},
};

static const bound of_replies[] = {
    {"maxSize", 512 << 20, MOST_SIZE},
    {"maxElements", 1 << 20, MOST_COUNT},
    {NULL, 0, 0},
};

static int index_of(const bound *bounds, const char *name) {
    int i = 0;
    while (bounds[i].name && strcmp(bounds[i].name, name) != 0)
        i++;
    return i;
}

/* Reads the options at index 1, which may be left out; a list ends with a name of NULL. Raises for unknown
   ones. */
static void read_bounds(lua_State *L, const bound *bounds, lua_Integer *values) {
    for (int i = 0; bounds[i].name; i++)
        values[i] = bounds[i].otherwise;
    if (lua_isnoneornil(L, 1))
        return;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        int is_integer, i = index_of(bounds, name);
        if (!bounds[i].name)
            luaL_error(L, "there is no option %s", name);
        values[i] = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || values[i] < 1 || values[i] > bounds[i].most)
            luaL_error(L, "the option %s is not a whole number from 1 to %I", name, bounds[i].most);
    }
}

mp_resp_limits binding_command_limits(lua_State *L) {
    lua_Integer values[4] = {0};
    read_bounds(L, of_commands, values);
    return (mp_resp_limits){.size = (uint64_t)values[0],
                            .count = (uint32_t)values[1],
                            .string = (uint64_t)values[2],
                            .line = (uint32_t)values[3]};
}

mp_resp_limits binding_reply_limits(lua_State *L) {
    lua_Integer values[2] = {0};
    read_bounds(L, of_replies, values);
    uint32_t line = values[0] < REPLY_LINE ? (uint32_t)values[0] : REPLY_LINE;
    return (mp_resp_limits){.size = (uint64_t)values[0],
                            .count = (uint32_t)values[1],
                            .string = (uint64_t)values[0],
                            .line = line};
}
