/*
 * The key log; see keylog.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/keylog.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"

struct mp_tls_keylog {
    int fd;
    bool failed;
    char path[];
};

mp_tls_keylog *mp_tls_keylog_new(const char *path, int *result) {
    mp_tls_keylog *keylog = calloc(1, sizeof *keylog + strlen(path) + 1);
    *result = keylog ? mp_system_open_to_add(path) : -ENOMEM;
    if (*result < 0) {
        free(keylog);
        return NULL;
    }
    keylog->fd = *result;
    *result = 0;
    memcpy(keylog->path, path, strlen(path) + 1);
    return keylog;
}

void mp_tls_keylog_free(mp_tls_keylog *keylog) {
    if (keylog)
        mp_system_close_file(keylog->fd, NULL);
    free(keylog);
}

/* One write for a line: other processes may add to the same file. */
void mp_tls_keylog_add(mp_tls_keylog *keylog, enum mp_log_level threshold, const char *line) {
    char text[1024];
    if (keylog->failed)
        return;
    int size = snprintf(text, sizeof text, "%s\n", line);
    int result = size < (int)sizeof text ? mp_system_add_to_file(keylog->fd, text, (size_t)size) : 0;
    OPENSSL_cleanse(text, sizeof text);
    if (result < 0) {
        keylog->failed = true;
        mp_log(threshold, MP_LOG_WARNING, "TLS: the key log '%s' ends: %s", keylog->path, strerror(-result));
    }
}
