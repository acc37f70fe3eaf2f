/*
 * moonport new [--tls] NAME.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROGRAM_NEW_H
#define PROGRAM_NEW_H

#include <stddef.h>

/* The template of a project: its files, made by template/embed.cmake; the last has no path. */
typedef struct program_template_file {
    const char *path;
    const unsigned char *text;
    size_t length;
} program_template_file;

extern const program_template_file program_template[];

/* Makes a project from the arguments after "new"; returns an exit status. */
int program_new(int argc, char **argv);

#endif
