/*
 * See glob.h. Of several stars only the last one may have to give up what it has taken: the parts in front
 * of it have matched as early as they can.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/glob.h"

/* Whether c is in the set that begins behind its bracket, at *at. Puts *at on its last byte. */
static bool is_in_set(const char *glob, size_t size, size_t *at, unsigned char c) {
    size_t i = *at;
    bool inverse = i < size && glob[i] == '^', found = false;
    i += inverse;
    for (; i < size && glob[i] != ']'; i++) {
        if (glob[i] == '\\' && i + 1 < size) {
            found |= (unsigned char)glob[++i] == c;
        } else if (i + 2 < size && glob[i + 1] == '-') {
            unsigned char first = (unsigned char)glob[i], last = (unsigned char)glob[i + 2];
            found |= (first <= c && c <= last) || (last <= c && c <= first);
            i += 2;
        } else {
            found |= (unsigned char)glob[i] == c;
        }
    }
    *at = i < size ? i : size - 1;
    return found != inverse;
}

/* Whether what is at *at of the glob, no star, stands for c; puts *at behind it. */
static bool stands_for(const char *glob, size_t size, size_t *at, char c) {
    size_t i = *at;
    bool fits = true;
    if (glob[i] == '[') {
        i++;
        fits = is_in_set(glob, size, &i, (unsigned char)c);
    } else if (glob[i] != '?') {
        if (glob[i] == '\\' && i + 1 < size)
            i++;
        fits = glob[i] == c;
    }
    *at = i + 1;
    return fits;
}

bool mp_glob_matches(const char *glob, size_t glob_size, const char *text, size_t size) {
    size_t at = 0, here = 0;    /* of the text, of the glob */
    size_t star = 0, taken = 0; /* behind the last star, and where what it has taken ends */
    bool has_star = false;
    while (at < size) {
        if (here < glob_size && glob[here] == '*') {
            has_star = true;
            star = ++here;
            taken = at;
        } else if (here < glob_size && stands_for(glob, glob_size, &here, text[at])) {
            at++;
        } else if (has_star && star < glob_size) {
            at = ++taken;
            here = star;
        } else {
            return has_star;
        }
    }
    while (here < glob_size && glob[here] == '*')
        here++;
    return here == glob_size;
}
