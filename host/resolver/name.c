/*
 * Host names; see name.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver/name.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef MOONPORT_IDN
#include <idn2.h>
#endif

static void copy(char folded[MP_NAME_SIZE], const char *name) {
    size_t length = strnlen(name, MP_NAME_SIZE - 1);
    for (size_t i = 0; i < length; i++)
        folded[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    folded[length] = '\0';
}

static bool is_ascii(const char *name) {
    for (; *name; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

#ifdef MOONPORT_IDN
/* A name that is longer in UTF-8 is too long in ASCII too, and not worth the work. */
#define LONGEST_UTF8 1024

static int to_ascii(char folded[MP_NAME_SIZE], const char *name) {
    char *ascii = NULL;
    folded[0] = '\0';
    if (strnlen(name, LONGEST_UTF8) == LONGEST_UTF8)
        return 0;
    int result = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result == IDN2_MALLOC)
        return -ENOMEM;
    if (result == IDN2_OK) {
        copy(folded, ascii);
        idn2_free(ascii);
    }
    return 0;
}
#endif

int mp_name_fold(char folded[MP_NAME_SIZE], const char *name) {
    if (is_ascii(name)) {
        copy(folded, name);
        return 0;
    }
#ifdef MOONPORT_IDN
    return to_ascii(folded, name);
#else
    return -ENOTSUP;
#endif
}
