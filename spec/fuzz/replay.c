/*
 * Replays a fuzzer's corpus without libFuzzer: passes every file of the folder to LLVMFuzzerTestOneInput
 * once. A folder that is missing or empty is an error, so that nobody loses a corpus without noticing.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A buffer of exactly the file's size, so that AddressSanitizer sees a read past its end. */
static int replay(const char *path, size_t size) {
    int result = -1;
    uint8_t *data = malloc(size > 0 ? size : 1);
    FILE *file = fopen(path, "rb");

    if (data == NULL || file == NULL || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        goto done;
    }
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    result = 0;
done:
    if (file != NULL)
        fclose(file);
    free(data);
    return result;
}

int main(int argc, char **argv) {
    int count = 0, failed = 0;
    struct dirent *entry;
    DIR *folder;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = opendir(argv[1]);
    if (folder == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];
        struct stat status;

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name) >= (int)sizeof path)
            continue;
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        count++;
        if (replay(path, (size_t)status.st_size) != 0)
            failed++;
    }
    closedir(folder);
    if (count == 0)
        fprintf(stderr, "%s: no corpus file in it\n", argv[1]);
    return count == 0 || failed > 0;
}
