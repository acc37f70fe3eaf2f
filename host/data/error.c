/*
 * The table from errno to Qt's error, by what was being attempted (qnativesocketengine_unix.cpp's mapping, as
 * a table).
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/error.h"

#include <errno.h>
#include <stddef.h>

#define ANY_ATTEMPT (-1)

/* The first row that fits wins; a row for any attempt stands after the special ones. */
static const struct {
    int attempt;
    int error;
    enum mp_fault fault;
} mapping[] = {
    {MP_ATTEMPT_CONNECT, ECONNREFUSED, MP_FAULT_CONNECTION_REFUSED},
    {MP_ATTEMPT_CONNECT, EINVAL, MP_FAULT_CONNECTION_REFUSED},
    {MP_ATTEMPT_CONNECT, ECONNRESET, MP_FAULT_CONNECTION_REFUSED},
    {MP_ATTEMPT_CONNECT, ETIMEDOUT, MP_FAULT_NETWORK_TIMEOUT},
    {MP_ATTEMPT_CONNECT, EADDRINUSE, MP_FAULT_NETWORK},
    {MP_ATTEMPT_CONNECT, EADDRNOTAVAIL, MP_FAULT_NETWORK},
    {MP_ATTEMPT_BIND, EINVAL, MP_FAULT_UNSUPPORTED},
    {MP_ATTEMPT_BIND, EACCES, MP_FAULT_PROTECTED},
    {MP_ATTEMPT_BIND, EPERM, MP_FAULT_PROTECTED},
    {MP_ATTEMPT_ACCEPT, ECONNABORTED, MP_FAULT_NETWORK},
    {MP_ATTEMPT_ACCEPT, EAGAIN, MP_FAULT_TEMPORARY},
    {MP_ATTEMPT_SOCKET, EINVAL, MP_FAULT_PROTOCOL_UNSUPPORTED},
    {MP_ATTEMPT_READ, ECONNRESET, MP_FAULT_REMOTE_CLOSED},
    {MP_ATTEMPT_READ, ETIMEDOUT, MP_FAULT_CONNECT_TIMEOUT},
    {MP_ATTEMPT_WRITE, ECONNRESET, MP_FAULT_REMOTE_CLOSED},
    {MP_ATTEMPT_WRITE, EPIPE, MP_FAULT_REMOTE_CLOSED},
    {MP_ATTEMPT_WRITE, ETIMEDOUT, MP_FAULT_CONNECT_TIMEOUT},
    {MP_ATTEMPT_LOOKUP, ENOTSUP, MP_FAULT_NAME_NOT_ASCII},
    {ANY_ATTEMPT, EHOSTUNREACH, MP_FAULT_HOST_UNREACHABLE},
    {ANY_ATTEMPT, ENETUNREACH, MP_FAULT_NETWORK_UNREACHABLE},
    {ANY_ATTEMPT, EACCES, MP_FAULT_ACCESS},
    {ANY_ATTEMPT, EPERM, MP_FAULT_ACCESS},
    {ANY_ATTEMPT, EMFILE, MP_FAULT_RESOURCE},
    {ANY_ATTEMPT, ENFILE, MP_FAULT_RESOURCE},
    {ANY_ATTEMPT, ENOBUFS, MP_FAULT_RESOURCE},
    {ANY_ATTEMPT, ENOMEM, MP_FAULT_RESOURCE},
    {ANY_ATTEMPT, EADDRINUSE, MP_FAULT_ADDRESS_IN_USE},
    {ANY_ATTEMPT, EADDRNOTAVAIL, MP_FAULT_ADDRESS_NOT_AVAILABLE},
    {ANY_ATTEMPT, EPROTONOSUPPORT, MP_FAULT_PROTOCOL_UNSUPPORTED},
    {ANY_ATTEMPT, EAFNOSUPPORT, MP_FAULT_PROTOCOL_UNSUPPORTED},
    {ANY_ATTEMPT, EBADF, MP_FAULT_INVALID_DESCRIPTOR},
    {ANY_ATTEMPT, ENOTSOCK, MP_FAULT_NOT_A_SOCKET},
    {ANY_ATTEMPT, EMSGSIZE, MP_FAULT_DATAGRAM_TOO_LARGE},
    {ANY_ATTEMPT, EISCONN, MP_FAULT_UNFINISHED},
};

enum mp_fault mp_fault_from_errno(enum mp_attempt attempt, int error) {
    for (size_t i = 0; i < sizeof mapping / sizeof *mapping; i++) {
        if (mapping[i].error == error &&
            (mapping[i].attempt == ANY_ATTEMPT || mapping[i].attempt == (int)attempt))
            return mapping[i].fault;
    }
    if (attempt == MP_ATTEMPT_LOOKUP)
        return MP_FAULT_HOST_NOT_FOUND;
    return attempt <= MP_ATTEMPT_LISTEN ? MP_FAULT_UNSUPPORTED : MP_FAULT_NETWORK;
}

static const struct {
    const char *code;
    const char *text;
} faults[MP_FAULT_COUNT] = {
#define X(name, code, text) [MP_FAULT_##name] = {code, text},
    MP_FAULTS(X)
#undef X
};

const char *mp_fault_code(enum mp_fault fault) {
    return faults[fault].code;
}

const char *mp_fault_text(enum mp_fault fault) {
    return faults[fault].text;
}
