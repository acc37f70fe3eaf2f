/*
 * The nearest of some names, by the number of letters that differ.
 *
 * SPDX-License-Identifier: MIT
 */
#include "object/suggestion.h"

#include <ctype.h>
#include <lauxlib.h>
#include <limits.h>
#include <string.h>

/* Longer names are never similar. */
#define MOST_LETTERS 40

/* The number of bytes of a text that a message shows. */
#define MOST_SHOWN 100

/* The number of letters that may be wrong. */
#define MOST_WRONG 2

/* The letters that count, in lower case; 0: too many. */
static size_t plain(const char *name, char *letters) {
    size_t count = 0;
    if (strncmp(name, "on", 2) == 0 && (isupper((unsigned char)name[2]) || name[2] == '_'))
        name += 2;
    for (; *name; name++) {
        if (*name == '_' || *name == '-' || *name == ' ')
            continue;
        if (count == MOST_LETTERS)
            return 0;
        letters[count++] = (char)tolower((unsigned char)*name);
    }
    return count;
}

static unsigned least(unsigned a, unsigned b, unsigned c) {
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* The number of letters to insert, remove or replace. */
static unsigned distance(const char *a, size_t a_count, const char *b, size_t b_count) {
    unsigned row[MOST_LETTERS + 1];
    for (unsigned j = 0; j <= b_count; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_count; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_count; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_count];
}

/* The distance of the names; more than MOST_WRONG if they aren't similar. */
static unsigned difference(const char *a, size_t a_count, const char *b, size_t b_count) {
    size_t shorter = a_count < b_count ? a_count : b_count;
    unsigned wrong = distance(a, a_count, b, b_count);
    if (wrong <= MOST_WRONG && wrong * 3 <= shorter)
        return wrong;
    return shorter >= 4 && memcmp(a, b, shorter) == 0 ? MOST_WRONG : UINT_MAX;
}

const char *binding_nearest(const char *name, binding_name_list names, const void *list) {
    char wanted[MOST_LETTERS], letters[MOST_LETTERS];
    size_t wanted_count = plain(name, wanted), count;
    const char *candidate, *nearest = NULL;
    unsigned fewest = MOST_WRONG + 1;
    for (int i = 0; wanted_count > 0 && (candidate = names(list, i)); i++) {
        unsigned wrong = (count = plain(candidate, letters))
                             ? difference(wanted, wanted_count, letters, count)
                             : UINT_MAX;
        if (wrong < fewest) {
            fewest = wrong;
            nearest = candidate;
        }
    }
    return nearest;
}

const char *binding_shown(lua_State *L, const char *text) {
    if (strlen(text) <= MOST_SHOWN)
        return lua_pushstring(L, text);
    lua_pushlstring(L, text, MOST_SHOWN);
    lua_pushliteral(L, "...");
    lua_concat(L, 2);
    return lua_tostring(L, -1);
}

int binding_raise_unknown(lua_State *L, int index, const char *what, const char *name,
                          binding_name_list names, const void *list) {
    const char *nearest = binding_nearest(name, names, list);
    const char *text = lua_pushfstring(L, "unknown %s '%s'", what, binding_shown(L, name));
    if (nearest)
        text = lua_pushfstring(L, "%s; did you mean '%s'?", text, nearest);
    return luaL_argerror(L, index, text);
}

int binding_check_name(lua_State *L, int index, const char *what, binding_name_list names, const void *list) {
    const char *name = luaL_checkstring(L, index), *candidate;
    for (int i = 0; (candidate = names(list, i)); i++)
        if (*candidate && strcmp(candidate, name) == 0)
            return i;
    return binding_raise_unknown(L, index, what, name, names, list);
}

const char *binding_listed_name(const void *list, int i) {
    return ((const char *const *)list)[i];
}
