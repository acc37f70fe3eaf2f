/*
 * Signals: what objects tell their handlers, with Qt's names. The one list from which C names, Lua names and
 * the check of handler names come.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SIGNAL_H
#define MP_SIGNAL_H

#include <stdint.h>

enum mp_kind { MP_TCP_SERVER, MP_TCP_SOCKET, MP_TIMER, MP_KIND_COUNT };

/* clang-format off */
/*  signal                        Lua name                    kind           what its argument is */
#define MP_SIGNALS(X)                                                                              \
    X(READY_READ,                 "readyRead",                MP_TCP_SOCKET, NONE)                 \
    X(BYTES_WRITTEN,              "bytesWritten",             MP_TCP_SOCKET, INTEGER)              \
    X(HOST_FOUND,                 "hostFound",                MP_TCP_SOCKET, NONE)                 \
    X(CONNECTED,                  "connected",                MP_TCP_SOCKET, NONE)                 \
    X(DISCONNECTED,               "disconnected",             MP_TCP_SOCKET, NONE)                 \
    X(STATE_CHANGED,              "stateChanged",             MP_TCP_SOCKET, STATE)                \
    X(ERROR_OCCURRED,             "errorOccurred",            MP_TCP_SOCKET, FAULT)                \
    X(ABOUT_TO_CLOSE,             "aboutToClose",             MP_TCP_SOCKET, NONE)                 \
    X(READ_CHANNEL_FINISHED,      "readChannelFinished",      MP_TCP_SOCKET, NONE)                 \
    X(PENDING_AVAILABLE,          "pendingConnectionAvailable", MP_TCP_SERVER, NONE)               \
    X(NEW_CONNECTION,             "newConnection",            MP_TCP_SERVER, NONE)                 \
    X(ACCEPT_ERROR,               "acceptError",              MP_TCP_SERVER, FAULT)                \
    X(CONNECTION_RESUMED,         "connectionResumed",        MP_TCP_SERVER, OBJECT)               \
    X(TIMEOUT,                    "timeout",                  MP_TIMER,      NONE)
/* clang-format on */

enum mp_signal {
#define X(name, lua_name, kind, argument) MP_SIGNAL_##name,
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

#define MP_SIGNAL_BIT(signal) (UINT32_C(1) << (signal))

#endif
