/*
 * What certificates and keys are read from; see source.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/source.h"

#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "system/file.h"

/* Bytes. A list of all authorities has less than one of these. */
#define MOST ((size_t)16 << 20)

static const char pem_begin[] = "-----BEGIN ";

static bool has(const char *text, size_t length, const char *part) {
    return memmem(text, length, part, strlen(part)) != NULL;
}

mp_tls_source mp_tls_source_of(const char *text, size_t length) {
    /* DER begins with a sequence whose length takes several bytes: no path that anybody writes. */
    bool is_der = length >= 2 && (unsigned char)text[0] == 0x30 && (unsigned char)text[1] >= 0x80;
    bool is_content = length == 0 || is_der || memchr(text, '\n', length) || memchr(text, '\0', length) ||
                      has(text, length, pem_begin);
    return (mp_tls_source){text, length, !is_content};
}

static int read_to_end(int fd, mp_text *text) {
    char piece[16384];
    size_t total = 0;
    ssize_t n;
    while ((n = mp_system_read_file(fd, piece, sizeof piece)) > 0) {
        total += (size_t)n;
        if (total > MOST)
            n = -EFBIG;
        else if (BIO_write(text, piece, (int)n) != n)
            n = -ENOMEM;
        if (n < 0)
            break;
    }
    OPENSSL_cleanse(piece, sizeof piece);
    return (int)n;
}

/* Only a regular file, so that nothing waits. */
static int read_file(const char *path, mp_tls_content *content) {
    size_t size;
    int fd = mp_system_open_file(path, true, MOST, NULL, &size);
    if (fd < 0)
        return fd;
    content->own = mp_text_new();
    int result = content->own ? read_to_end(fd, content->own) : -ENOMEM;
    mp_system_close_file(fd, NULL);
    if (result == 0)
        content->bytes = mp_text_bytes(content->own, &content->size);
    return result;
}

int mp_tls_read(mp_tls_source source, mp_tls_content *content, const char **why) {
    int result = source.length > MOST ? -EFBIG : 0;
    *content = (mp_tls_content){source.text, source.length, NULL};
    if (source.is_path)
        result = memchr(source.text, '\0', source.length) ? -ENOENT : read_file(source.text, content);
    if (result == 0)
        return 0;
    *why = result == -EISDIR ? "is a folder" : result == -ENXIO ? "is no file" : strerror(-result);
    mp_tls_release(content);
    ERR_clear_error();
    return result;
}

bool mp_tls_read_file(const char *what, const char *path, mp_tls_content *content, mp_tls_message *message) {
    const char *why;
    int result = mp_tls_read((mp_tls_source){path, strlen(path), true}, content, &why);
    if (result < 0)
        mp_tls_say(message, "%s: '%s' can't be read: %s", what, path, strerror(-result));
    return result == 0;
}

void mp_tls_release(mp_tls_content *content) {
    mp_text_free(content->own);
    content->own = NULL;
}

bool mp_tls_is_pem(const mp_tls_content *content) {
    return has(content->bytes, content->size, pem_begin);
}

int mp_tls_fail(const char **why, const char *text) {
    bool memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    *why = memory ? "out of memory" : text;
    return memory ? -ENOMEM : -EINVAL;
}
