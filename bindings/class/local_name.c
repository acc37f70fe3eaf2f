/*
 * Arguments of LocalServer and LocalSocket; see local_name.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "class/local_name.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "object/arguments.h"
#include "object/endpoint.h"
#include "object/result.h"
#include "object/suggestion.h"

/* So many descriptors come with one message at most. */
#define MOST_DESCRIPTORS 253

static const char *temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

enum mp_fault binding_check_local_name(lua_State *L, int index, bool abstract, mp_local_name *name) {
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    if (mp_local_name_is_text(text, size))
        return binding_name_fault(mp_local_name_parse(name, text, size));
    if (abstract || size == 0 || memchr(text, '/', size))
        return binding_name_fault(mp_local_name_set(name, text, size, abstract));
    const char *folder = temporary_folder();
    luaL_Buffer path;
    luaL_buffinit(L, &path);
    luaL_addstring(&path, folder);
    if (folder[strlen(folder) - 1] != '/')
        luaL_addchar(&path, '/');
    luaL_addlstring(&path, text, size);
    luaL_pushresult(&path);
    text = lua_tolstring(L, -1, &size);
    enum mp_fault fault = binding_name_fault(mp_local_name_set(name, text, size, false));
    lua_pop(L, 1);
    return fault;
}

int binding_result_of_name(lua_State *L, const char *what, int index, enum mp_fault fault) {
    lua_pushfstring(L, "%s %s", what, binding_shown(L, lua_tostring(L, index)));
    return binding_result(L, lua_tostring(L, -1), fault);
}

static const binding_flag option_names[] = {
    {"NoOptions", 0},
    {"UserAccessOption", BINDING_USER_ACCESS},
    {"GroupAccessOption", BINDING_GROUP_ACCESS},
    {"OtherAccessOption", BINDING_OTHER_ACCESS},
    {"WorldAccessOption", BINDING_WORLD_ACCESS},
    {"AbstractNamespaceOption", BINDING_ABSTRACT},
    {NULL, 0},
};

int binding_check_local_options(lua_State *L, int index, int allowed) {
    int options = binding_check_flags(L, index, option_names, "socket option");
    luaL_argcheck(L, (options & ~allowed) == 0, index, "a client's socket has no access options");
    return options;
}

void binding_push_local_options(lua_State *L, int options) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    bool world = (options & BINDING_WORLD_ACCESS) == BINDING_WORLD_ACCESS;
    for (const binding_flag *flag = option_names; flag->name; flag++) {
        bool whole = flag->value == BINDING_WORLD_ACCESS;
        bool applies = flag->value == 0                     ? options == 0
                       : flag->value < BINDING_WORLD_ACCESS ? !world && (options & flag->value)
                       : whole                              ? world
                                                            : (options & flag->value) != 0;
        if (applies && luaL_bufflen(&buffer) > 0)
            luaL_addchar(&buffer, '|');
        if (applies)
            luaL_addstring(&buffer, flag->name);
    }
    luaL_pushresult(&buffer);
}

mode_t binding_local_mode(int options) {
    return (options & BINDING_USER_ACCESS ? 0700U : 0U) | (options & BINDING_GROUP_ACCESS ? 0070U : 0U) |
           (options & BINDING_OTHER_ACCESS ? 0007U : 0U);
}

size_t binding_check_descriptor_count(lua_State *L, int index) {
    size_t count = binding_check_size(L, index, "the number of descriptors");
    luaL_argcheck(L, count <= MOST_DESCRIPTORS, index, "at most 253 descriptors can wait");
    return count;
}
