/*
 * Redis' globs: "*", "?", sets such as "[a-z]" and "[^x]", and "\" in front of what stands for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_GLOB_H
#define MP_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Beyond, no glob is taken: a match takes as many steps as the text has bytes, times the glob's at most. */
enum { MP_GLOB_SIZE = 1024 };

/* Whether the glob matches the whole text. */
bool mp_glob_matches(const char *glob, size_t glob_size, const char *text, size_t size);

#endif
