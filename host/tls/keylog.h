/*
 * The secrets of connections in a file, for programs that decrypt what was recorded of them: NSS's key log
 * format. Never without being asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_KEYLOG_H
#define MP_TLS_KEYLOG_H

#include "system/log.h"

typedef struct mp_tls_keylog mp_tls_keylog;

/* Opens the file to add to it; only its owner may read one that is made. NULL: `result` is -errno. */
mp_tls_keylog *mp_tls_keylog_new(const char *path, int *result);

/* NULL does nothing. */
void mp_tls_keylog_free(mp_tls_keylog *keylog);

/* Adds a line. If that fails, the log says so once, and no more is added. */
void mp_tls_keylog_add(mp_tls_keylog *keylog, enum mp_log_level threshold, const char *line);

#endif
