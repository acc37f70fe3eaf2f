/*
 * Text and bytes that are made by OpenSSL; see text.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>

typedef struct item_head {
    int kind;
    size_t length;
} item_head;

mp_text *mp_text_new(void) {
    return BIO_new(BIO_s_mem());
}

void mp_text_free(mp_text *text) {
    BIO_free(text);
}

const char *mp_text_bytes(mp_text *text, size_t *length) {
    char *bytes = NULL;
    long size = BIO_get_mem_data(text, &bytes);
    *length = size > 0 ? (size_t)size : 0;
    return bytes ? bytes : "";
}

int mp_text_add(mp_text *text, int kind, const void *bytes, size_t length) {
    item_head head;
    memset(&head, 0, sizeof head); /* its padding too */
    head.kind = kind;
    head.length = length;
    if (length > INT_MAX || BIO_write(text, &head, sizeof head) != sizeof head)
        return -ENOMEM;
    return length == 0 || BIO_write(text, bytes, (int)length) == (int)length ? 0 : -ENOMEM;
}

bool mp_text_next(mp_text *text, size_t *position, mp_text_item *item) {
    item_head head;
    size_t size;
    const char *bytes = mp_text_bytes(text, &size);
    if (size - *position < sizeof head)
        return false;
    memcpy(&head, bytes + *position, sizeof head);
    *position += sizeof head;
    item->kind = head.kind;
    item->bytes = bytes + *position;
    item->length = head.length;
    *position += head.length;
    return true;
}
