/*
 * Names of Unix-domain sockets: a path in the file system, or an abstract name, which only Linux has. As text
 * they begin with "unix:", and abstract ones with "unix:@".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_LOCAL_NAME_H
#define MP_LOCAL_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The most bytes of a name. The system's structure has one more: the zero that ends a path, or begins an
   abstract name. */
#define MP_LOCAL_NAME 107

/* The size of a name's text, with a zero at the end. */
#define MP_LOCAL_TEXT (MP_LOCAL_NAME + 7)

typedef struct mp_local_name {
    bool abstract;
    uint8_t size;
    char bytes[MP_LOCAL_NAME + 1]; /* a zero follows them; an abstract name may contain more */
} mp_local_name;

/* Takes a name as it is. Returns 0, -ENAMETOOLONG, or -EINVAL: it is empty, or a path with a zero byte. */
int mp_local_name_set(mp_local_name *name, const char *bytes, size_t size, bool abstract);

/* True if the text begins as that of a name does. */
bool mp_local_name_is_text(const char *text, size_t size);

/* Reads "unix:/path" or "unix:@name". Returns 0, -ENAMETOOLONG or -EINVAL. */
int mp_local_name_parse(mp_local_name *name, const char *text, size_t size);

/* Writes the text, and a zero. Returns its length. */
size_t mp_local_name_format(const mp_local_name *name, char text[MP_LOCAL_TEXT]);

/* True if both are written alike. */
bool mp_local_name_equal(const mp_local_name *a, const mp_local_name *b);

socklen_t mp_local_name_to_sockaddr(const mp_local_name *name, struct sockaddr_storage *storage);

/* Returns 0, -EAFNOSUPPORT for an address of another family, or -ENOENT: the socket has no name. */
int mp_local_name_from_sockaddr(mp_local_name *name, const struct sockaddr_storage *storage, socklen_t size);

#endif
