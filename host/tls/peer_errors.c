/*
 * What is wrong with a peer; see peer_errors.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/peer_errors.h"

#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mp_tls_set_text(mp_stream *stream, const char *format, ...) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    va_list arguments;
    va_start(arguments, format);
    free(extras->text);
    if (vasprintf(&extras->text, format, arguments) < 0)
        extras->text = NULL;
    va_end(arguments);
}

static bool is_ignored(const mp_ssl_extras *extras, const mp_tls_error *error) {
    const char *code = mp_tls_error_code(error->number);
    for (size_t i = 0; i < extras->ignored_count; i++) {
        const mp_ssl_ignored *ignored = &extras->ignored[i];
        if (strcmp(ignored->code, code) == 0 &&
            (!ignored->certificate ||
             (error->certificate && X509_cmp(ignored->certificate, error->certificate) == 0)))
            return true;
    }
    return false;
}

int mp_tls_first_fault(const mp_ssl_extras *extras) {
    for (size_t i = 0; !extras->ignore_all && extras->errors && i < extras->errors->count; i++)
        if (!is_ignored(extras, &extras->errors->list[i]))
            return extras->errors->list[i].number;
    return 0;
}

mp_tls_errors *mp_tls_fresh_errors(mp_ssl_extras *extras) {
    if (!extras->errors)
        extras->errors = calloc(1, sizeof *extras->errors);
    else
        mp_tls_errors_clear(extras->errors);
    return extras->errors;
}
