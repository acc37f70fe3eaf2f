/*
 * moonport new NAME: makes a small project, from a template that is part of the program.
 *
 * SPDX-License-Identifier: MIT
 */
#include "new.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"
#include "system/system.h"

/* What stands for the project's name in the template, and how long a name may be. */
#define PLACEHOLDER "myservice"
#define LONGEST_NAME 64
#define PATH_SIZE (2 * LONGEST_NAME + 64)

static int misused(const char *name, const char *why) {
    fprintf(stderr, "moonport: new%s%s: %s (see moonport --help)\n", *name ? " " : "", name, why);
    return 2;
}

/* A file, a folder, a rock, and a unit of systemd can be called so. */
static bool is_name(const char *name) {
    size_t length = strlen(name);
    return length <= LONGEST_NAME && islower((unsigned char)*name) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

/* Writes text with the name in it. */
static void expand(FILE *out, const char *text, size_t length, const char *name) {
    const char *found;
    while ((found = memmem(text, length, PLACEHOLDER, strlen(PLACEHOLDER))) != NULL) {
        fwrite(text, 1, (size_t)(found - text), out);
        fputs(name, out);
        found += strlen(PLACEHOLDER);
        length -= (size_t)(found - text);
        text = found;
    }
    fwrite(text, 1, length, out);
}

static void expand_path(char *path, size_t size, const program_template_file *file, const char *name) {
    FILE *out = fmemopen(path, size, "w");
    if (out) {
        expand(out, file->path, strlen(file->path) + 1, name);
        fclose(out);
    }
}

/* Writes one file below the folder; 0 or -errno. */
static int write_file(int folder, const char *path, const program_template_file *file, const char *name) {
    const char *slash = strchr(path, '/');
    char *text = NULL;
    size_t size;
    if (slash) {
        char parent[LONGEST_NAME];
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        int result = mp_system_make_folder(folder, parent);
        if (result < 0 && result != -EEXIST)
            return result;
    }
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    expand(out, (const char *)file->text, file->length, name);
    bool runs = file->length > 2 && memcmp(file->text, "#!", 2) == 0;
    int result = fclose(out) != 0 ? -ENOMEM : mp_system_write_file(folder, path, runs, text, size);
    free(text);
    return result;
}

int program_new(int argc, char **argv) {
    const char *name = argc > 0 ? argv[0] : "";
    if (argc != 1)
        return misused("", "needs one name");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        puts(
            "usage: moonport new NAME\n\nMakes the folder NAME with a service, its spec, a rockspec and a README.");
        return 0;
    }
    if (!is_name(name))
        return misused(name,
                       "a name has small letters, digits, - and _, 64 at most, and begins with a letter");
    if (strcmp(name, "moonport") == 0)
        return misused(name, "is taken by moonport itself");
    int error = mp_system_make_folder(-1, name);
    if (error < 0) {
        fprintf(stderr, "moonport: cannot make the folder %s: %s\n", name, strerror(-error));
        return 1;
    }
    int folder = mp_system_open_folder(name);
    error = folder < 0 ? folder : 0;
    char path[PATH_SIZE] = "";
    for (const program_template_file *file = program_template; file->path && error == 0; file++) {
        expand_path(path, sizeof path, file, name);
        error = write_file(folder, path, file, name);
        if (error == 0)
            printf("%s/%s\n", name, path);
    }
    if (folder >= 0)
        mp_system_close(folder);
    if (error != 0) {
        fprintf(stderr, "moonport: cannot write %s/%s: %s\n", name, path, strerror(-error));
        return 1;
    }
    printf("\nNow: cd %s && moonport --watch %s.lua\n", name, name);
    return 0;
}
