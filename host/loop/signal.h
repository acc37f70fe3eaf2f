/*
 * Signals: what objects tell their handlers, with Qt's names. The one list from which C names, Lua names and
 * the check of handler names come.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SIGNAL_H
#define MP_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/*  kind           its base: it has that one's signals, too; itself: there is none */
#define MP_KINDS(X)                                                                                \
    X(MP_TCP_SERVER, MP_TCP_SERVER)                                                                \
    X(MP_TCP_SOCKET, MP_TCP_SOCKET)                                                                \
    X(MP_TIMER,      MP_TIMER)
/* clang-format on */

enum mp_kind {
#define X(kind, base) kind,
    MP_KINDS(X)
#undef X
        MP_KIND_COUNT
};

/* A kind as a member of a set; those of several are joined by '|'. */
#define MP_OF(kind) (UINT32_C(1) << (kind))

/* clang-format off */
/*  signal                        Lua name                    kinds                 what its argument is */
#define MP_SIGNALS(X)                                                                              \
    X(READY_READ,                 "readyRead",                MP_OF(MP_TCP_SOCKET), NONE)          \
    X(BYTES_WRITTEN,              "bytesWritten",             MP_OF(MP_TCP_SOCKET), INTEGER)       \
    X(HOST_FOUND,                 "hostFound",                MP_OF(MP_TCP_SOCKET), NONE)          \
    X(CONNECTED,                  "connected",                MP_OF(MP_TCP_SOCKET), NONE)          \
    X(DISCONNECTED,               "disconnected",             MP_OF(MP_TCP_SOCKET), NONE)          \
    X(STATE_CHANGED,              "stateChanged",             MP_OF(MP_TCP_SOCKET), STATE)         \
    X(ERROR_OCCURRED,             "errorOccurred",            MP_OF(MP_TCP_SOCKET), FAULT)         \
    X(ABOUT_TO_CLOSE,             "aboutToClose",             MP_OF(MP_TCP_SOCKET), NONE)          \
    X(READ_CHANNEL_FINISHED,      "readChannelFinished",      MP_OF(MP_TCP_SOCKET), NONE)          \
    X(PENDING_AVAILABLE,          "pendingConnectionAvailable", MP_OF(MP_TCP_SERVER), NONE)        \
    X(NEW_CONNECTION,             "newConnection",            MP_OF(MP_TCP_SERVER), NONE)          \
    X(ACCEPT_ERROR,               "acceptError",              MP_OF(MP_TCP_SERVER), FAULT)         \
    X(CONNECTION_RESUMED,         "connectionResumed",        MP_OF(MP_TCP_SERVER), OBJECT)        \
    X(TIMEOUT,                    "timeout",                  MP_OF(MP_TIMER),      NONE)
/* clang-format on */

enum mp_signal {
#define X(name, lua_name, kinds, argument) MP_SIGNAL_##name,
    MP_SIGNALS(X)
#undef X
        MP_SIGNAL_COUNT
};

/* What the integer that comes with a signal stands for. */
enum mp_signal_argument {
    MP_ARGUMENT_NONE,
    MP_ARGUMENT_INTEGER,
    MP_ARGUMENT_STATE,
    MP_ARGUMENT_FAULT,
    MP_ARGUMENT_OBJECT
};

/* A signal as a member of a set. */
#define MP_SIGNAL_BIT(signal) (UINT64_C(1) << (signal))

_Static_assert(MP_SIGNAL_COUNT <= 64, "a bit for each signal");

static inline enum mp_kind mp_kind_base(enum mp_kind kind) {
    static const uint8_t bases[] = {
#define X(kind, base) base,
        MP_KINDS(X)
#undef X
    };
    return (enum mp_kind)bases[kind];
}

/* Has a kind, or one that it is based on, the signal? */
static inline bool mp_signal_belongs(enum mp_signal signal, enum mp_kind kind) {
    static const uint32_t sets[] = {
#define X(name, lua_name, kinds, argument) (kinds),
        MP_SIGNALS(X)
#undef X
    };
    while (!(sets[signal] & MP_OF(kind)) && mp_kind_base(kind) != kind)
        kind = mp_kind_base(kind);
    return (sets[signal] & MP_OF(kind)) != 0;
}

#endif
