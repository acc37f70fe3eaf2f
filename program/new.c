/*
 * moonport new [--tls] NAME: makes a small project from a template in the program.
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

/* The placeholder for the project's name in the template, and the longest name. */
#define PLACEHOLDER "myservice"
#define LONGEST_NAME 64
#define PATH_SIZE (2 * LONGEST_NAME + 64)

static int misused(const char *name, const char *why) {
    fprintf(stderr, "moonport: new%s%s: %s (see moonport --help)\n", *name ? " " : "", name, why);
    return 2;
}

/* True if a file, a folder, a rock and a systemd unit can have this name. */
static bool is_name(const char *name) {
    size_t length = strlen(name);
    return length <= LONGEST_NAME && islower((unsigned char)*name) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

/* Marks of lines of the template: at the beginning of those for --tls only, at the end of those for a project
   without TLS only. */
#define WITH_TLS "--tls"
#define WITHOUT_TLS " --plain"

/* Takes a line of the template, with its newline. Returns it without its mark, and its length in *length;
   NULL if this project doesn't have it. */
static const char *line_of(const char *text, size_t *length, bool tls) {
    static const size_t with = sizeof WITH_TLS - 1, without = sizeof WITHOUT_TLS - 1;
    if (*length > with && memcmp(text, WITH_TLS, with) == 0) {
        size_t mark = text[with] == ' ' ? with + 1 : with;
        *length -= mark;
        return tls ? text + mark : NULL;
    }
    if (*length > without + 1 && memcmp(text + *length - 1 - without, WITHOUT_TLS, without) == 0) {
        *length -= without + 1;
        return tls ? NULL : text;
    }
    return text;
}

/* Writes text with the name instead of the placeholder. */
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

/* Writes those lines of a text that this project has. */
static void expand_lines(FILE *out, const char *text, size_t length, const char *name, bool tls) {
    for (const char *end = text + length, *next; text < end; text = next) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        next = stop ? stop + 1 : end;
        size_t size = (size_t)(next - text);
        const char *line = stop ? line_of(text, &size, tls) : text;
        if (!line)
            continue;
        expand(out, line, size, name);
        if (line[size - 1] != '\n' && stop)
            fputc('\n', out);
    }
}

static void expand_path(char *path, size_t size, const program_template_file *file, const char *name) {
    FILE *out = fmemopen(path, size, "w");
    if (out) {
        expand(out, file->path, strlen(file->path) + 1, name);
        fclose(out);
    }
}

/* Writes one file below the folder; 0 or -errno. */
static int write_file(int folder, const char *path, const program_template_file *file, const char *name,
                      bool tls) {
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
    expand_lines(out, (const char *)file->text, file->length, name, tls);
    bool runs = file->length > 2 && memcmp(file->text, "#!", 2) == 0;
    int result = fclose(out) != 0 ? -ENOMEM : mp_system_write_file(folder, path, runs, text, size);
    free(text);
    return result;
}

int program_new(int argc, char **argv) {
    bool tls = argc > 0 && strcmp(argv[0], "--tls") == 0;
    argc -= tls;
    argv += tls;
    const char *name = argc > 0 ? argv[0] : "";
    if (argc != 1)
        return misused("", "needs one name");
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        puts(
            "usage: moonport new [--tls] NAME\n\nMakes the folder NAME with a service, its spec, a rockspec and a "
            "README. With --tls the\nservice is encrypted.");
        return 0;
    }
    if (!is_name(name))
        return misused(
            name, "a name has lower-case letters, digits, - and _, at most 64, and begins with a letter");
    if (strcmp(name, "moonport") == 0)
        return misused(name, "is moonport's own name");
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
        error = write_file(folder, path, file, name, tls);
        if (error == 0)
            printf("%s/%s\n", name, path);
    }
    if (folder >= 0)
        mp_system_close(folder);
    if (error != 0) {
        fprintf(stderr, "moonport: cannot write %s/%s: %s\n", name, path, strerror(-error));
        return 1;
    }
    if (tls)
        printf("\nNow: cd %s, make a certificate as README.md says, and run moonport --watch %s.lua\n", name,
               name);
    else
        printf("\nNow: cd %s && moonport --watch %s.lua\n", name, name);
    return 0;
}
