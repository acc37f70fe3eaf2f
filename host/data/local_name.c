/*
 * Names of Unix-domain sockets; see local_name.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/local_name.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#define SCHEME "unix:"
#define SCHEME_SIZE (sizeof SCHEME - 1)

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) >= MP_LOCAL_NAME + 1, "a name fits the system's");

int mp_local_name_set(mp_local_name *name, const char *bytes, size_t size, bool abstract) {
    if (size == 0 || (!abstract && memchr(bytes, 0, size)))
        return -EINVAL;
    if (size > MP_LOCAL_NAME)
        return -ENAMETOOLONG;
    memset(name, 0, sizeof *name);
    memcpy(name->bytes, bytes, size);
    name->size = (uint8_t)size;
    name->abstract = abstract;
    return 0;
}

bool mp_local_name_is_text(const char *text, size_t size) {
    return size >= SCHEME_SIZE && memcmp(text, SCHEME, SCHEME_SIZE) == 0;
}

int mp_local_name_parse(mp_local_name *name, const char *text, size_t size) {
    if (!mp_local_name_is_text(text, size))
        return -EINVAL;
    size_t start = SCHEME_SIZE;
    bool abstract = start < size && text[start] == '@';
    start += abstract;
    return mp_local_name_set(name, text + start, size - start, abstract);
}

size_t mp_local_name_format(const mp_local_name *name, char text[MP_LOCAL_TEXT]) {
    char *at = text;
    memcpy(at, SCHEME, SCHEME_SIZE);
    at += SCHEME_SIZE;
    if (name->abstract)
        *at++ = '@';
    memcpy(at, name->bytes, name->size);
    at += name->size;
    *at = '\0';
    return (size_t)(at - text);
}

bool mp_local_name_equal(const mp_local_name *a, const mp_local_name *b) {
    return a->abstract == b->abstract && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

socklen_t mp_local_name_to_sockaddr(const mp_local_name *name, struct sockaddr_storage *storage) {
    struct sockaddr_un *address = (struct sockaddr_un *)storage;
    memset(storage, 0, sizeof *storage);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + name->abstract, name->bytes, name->size);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name->size + 1U);
}

int mp_local_name_from_sockaddr(mp_local_name *name, const struct sockaddr_storage *storage, socklen_t size) {
    const struct sockaddr_un *address = (const struct sockaddr_un *)storage;
    if (storage->ss_family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (size <= offsetof(struct sockaddr_un, sun_path))
        return -ENOENT;
    size_t length = size - offsetof(struct sockaddr_un, sun_path);
    if (address->sun_path[0] == '\0')
        return length > 1 && mp_local_name_set(name, address->sun_path + 1, length - 1, true) == 0 ? 0
                                                                                                   : -ENOENT;
    length = strnlen(address->sun_path, length);
    return mp_local_name_set(name, address->sun_path, length, false) == 0 ? 0 : -ENOENT;
}
