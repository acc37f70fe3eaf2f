/*
 * Long texts for the tests of parsers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TEST_COMPOSED_H
#define MP_TEST_COMPOSED_H

#include <stdio.h>
#include <stdlib.h>

/* A text, and how often it is repeated; the last part has a text of NULL. */
typedef struct part {
    const char *text;
    size_t times;
} part;

/* -> malloc'ed text of exactly its size, so that ASan sees who reads behind it */
static inline char *composed(const part *parts, size_t *size) {
    char *text;
    FILE *file = open_memstream(&text, size);
    for (const part *one = parts; one->text; one++) {
        for (size_t i = 0; i < one->times; i++)
            (void)fputs(one->text, file);
    }
    (void)fclose(file);
    return realloc(text, *size);
}

#endif
