/*
 * What certificates and keys are read from: PEM, DER, or a file of either. And why that failed, in words.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_SOURCE_H
#define MP_TLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/message.h"
#include "tls/text.h"

/* Both are the caller's. */
typedef struct mp_tls_source {
    const char *text;
    size_t length;
    bool is_path; /* of a file that has it; then a NUL follows the text */
} mp_tls_source;

/* The source that a script means by a text: a path, or the content itself if the text can't be a path (PEM,
   DER, a newline or a zero byte in it, or nothing). */
mp_tls_source mp_tls_source_of(const char *text, size_t length);

/* The content. mp_tls_release wipes it if it was read from a file. */
typedef struct mp_tls_content {
    const char *bytes;
    size_t size;  /* at most 16 MiB */
    mp_text *own; /* of a file, or NULL */
} mp_tls_content;

/* -> 0, or -errno and why */
int mp_tls_read(mp_tls_source source, mp_tls_content *content, const char **why);
/* The same of the file at a path, for the option `what`. False and a sentence: it can't be read. */
bool mp_tls_read_file(const char *what, const char *path, mp_tls_content *content, mp_tls_message *message);

void mp_tls_release(mp_tls_content *content);

/* True if it is PEM, false if it is DER. */
bool mp_tls_is_pem(const mp_tls_content *content);

/* A call of OpenSSL's has failed: empties its queue of errors, and says why. -> -ENOMEM, or else -EINVAL with
   this text */
int mp_tls_fail(const char **why, const char *text);

#endif
