/*
 * The names of signals; see signal_name.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/signal_name.h"

#include <string.h>

#include "object/suggestion.h"

static const char *const names[] = {
#define X(constant, name, kinds, argument) name,
    MP_SIGNALS(X)
#undef X
};

int binding_signal(enum mp_kind kind, const char *name) {
    for (int i = 0; i < MP_SIGNAL_COUNT; i++)
        if (mp_signal_belongs((enum mp_signal)i, kind) && strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *binding_signal_name(enum mp_signal signal) {
    return names[signal];
}

void binding_open_signal_names(lua_State *L, binding_state *state) {
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        lua_pushstring(L, names[i]);
        state->classes.signal_names[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

/* Where handlers of a kind's signals are set. */
static const char *const places[MP_KIND_COUNT] = {
    [MP_TCP_SERVER] = "to the server itself",
    [MP_TCP_SOCKET] = "to a socket, or into the server's connection for all of its connections",
    [MP_TIMER] = "to a timer",
    [MP_SSL_SERVER] = "to the server itself",
    [MP_SSL_SOCKET] = "to a socket, or into the SslServer's connection for all of its connections",
    [MP_LOCAL_SERVER] = "to the server itself",
    [MP_LOCAL_SOCKET] = "to a socket, or into the LocalServer's connection for all of its connections",
    [MP_UDP_SOCKET] = "to a socket",
    [MP_PROCESS] = "to a process",
};

/* The signal with this name, but for letter case, in another class than `kind`. -1: none. */
static int signal_of_another(enum mp_kind kind, const char *name) {
    for (int i = 0; i < MP_SIGNAL_COUNT; i++)
        if (!mp_signal_belongs((enum mp_signal)i, kind) && strcasecmp(names[i], name) == 0)
            return i;
    return -1;
}

static int raise_elsewhere(lua_State *L, enum mp_kind kind, const char *name, int signal) {
    enum mp_kind owner = MP_TCP_SERVER;
    while (!mp_signal_belongs((enum mp_signal)signal, owner))
        owner++;
    return luaL_error(L, "%s has no signal '%s': '%s' is one of %s, and its handlers go %s",
                      binding_kind_name(kind), name, names[signal], binding_kind_name(owner), places[owner]);
}

/* The names of a kind's signals, in the form that binding_nearest takes. */
static const char *name_of_kind(const void *kind, int i) {
    if (i == MP_SIGNAL_COUNT)
        return NULL;
    return mp_signal_belongs((enum mp_signal)i, *(const enum mp_kind *)kind) ? names[i] : "";
}

enum mp_signal binding_check_signal(lua_State *L, enum mp_kind kind, const char *name) {
    int signal = binding_signal(kind, name), elsewhere;
    if (signal >= 0)
        return (enum mp_signal)signal;
    if ((elsewhere = signal_of_another(kind, name)) >= 0)
        raise_elsewhere(L, kind, name, elsewhere);
    const char *nearest = binding_nearest(name, name_of_kind, &kind);
    if (nearest)
        luaL_error(L, "%s has no signal '%s'; did you mean '%s'?", binding_kind_name(kind),
                   binding_shown(L, name), nearest);
    luaL_error(L, "%s has no signal '%s'", binding_kind_name(kind), binding_shown(L, name));
    return MP_SIGNAL_COUNT;
}

void binding_check_handler(lua_State *L, binding_state *state, enum mp_kind kind, int key, int value) {
    if (lua_type(L, key) != LUA_TSTRING)
        return;
    const char *name = lua_tostring(L, key);
    bool function = lua_type(L, value) == LUA_TFUNCTION;
    int elsewhere;
    for (int i = 0; i < MP_SIGNAL_COUNT; i++) {
        /* The first letter, which tells most names apart, since scripts set fields with each request. */
        if ((names[i][0] | 32) != (name[0] | 32) || !mp_signal_belongs((enum mp_signal)i, kind) ||
            strcasecmp(names[i], name) != 0)
            continue;
        if (strcmp(names[i], name) == 0) {
            if (!function && !lua_isnil(L, value))
                luaL_error(L, "%s: a handler must be a function, not a %s", name, luaL_typename(L, value));
            if (function)
                state->loop->wanted |= MP_SIGNAL_BIT(i);
        } else if (function) {
            luaL_error(L, "%s has no signal '%s'; did you mean '%s'?", binding_kind_name(kind), name,
                       names[i]);
        }
        return;
    }
    if (function && (elsewhere = signal_of_another(kind, name)) >= 0)
        raise_elsewhere(L, kind, name, elsewhere);
}
