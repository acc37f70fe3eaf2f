/*
 * Signals: what objects tell their handlers, with Qt's names. C names, Lua names and the check of handler
 * names all come from this one list.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SIGNAL_H
#define MP_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/*  kind           its base, whose signals it has too, but a process; itself: none */
#define MP_KINDS(X)                                                                                \
    X(MP_TCP_SERVER, MP_TCP_SERVER)                                                                \
    X(MP_TCP_SOCKET, MP_TCP_SOCKET)                                                                \
    X(MP_TIMER,      MP_TIMER)                                                                     \
    X(MP_SSL_SERVER, MP_TCP_SERVER)                                                                \
    X(MP_SSL_SOCKET, MP_TCP_SOCKET)                                                                \
    X(MP_LOCAL_SERVER, MP_TCP_SERVER)                                                              \
    X(MP_LOCAL_SOCKET, MP_TCP_SOCKET)                                                              \
    X(MP_UDP_SOCKET, MP_UDP_SOCKET)                                                                \
    X(MP_PROCESS,    MP_TCP_SOCKET)
/* clang-format on */

enum mp_kind {
#define X(kind, base) kind,
    MP_KINDS(X)
#undef X
        MP_KIND_COUNT
};

/* A kind as a member of a set; join several with '|'. */
#define MP_OF(kind) (UINT32_C(1) << (kind))

/* clang-format off */
/*  signal                        Lua name                    kinds                 what its argument is */
#define MP_SIGNALS(X)                                                                              \
    X(READY_READ,                 "readyRead",                MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET) | MP_OF(MP_PROCESS), NONE)          \
    X(BYTES_WRITTEN,              "bytesWritten",             MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET) | MP_OF(MP_PROCESS), INTEGER)       \
    X(HOST_FOUND,                 "hostFound",                MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET),  NONE)          \
    X(CONNECTED,                  "connected",                MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET),  NONE)          \
    X(DISCONNECTED,               "disconnected",             MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET),  NONE)          \
    X(STATE_CHANGED,              "stateChanged",             MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET),  STATE)         \
    X(ERROR_OCCURRED,             "errorOccurred",            MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET) | MP_OF(MP_PROCESS), FAULT)         \
    X(ABOUT_TO_CLOSE,             "aboutToClose",             MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET) | MP_OF(MP_PROCESS), NONE)          \
    X(READ_CHANNEL_FINISHED,      "readChannelFinished",      MP_OF(MP_TCP_SOCKET) | MP_OF(MP_UDP_SOCKET) | MP_OF(MP_PROCESS), NONE)          \
    X(PENDING_AVAILABLE,          "pendingConnectionAvailable", MP_OF(MP_TCP_SERVER), NONE)        \
    X(NEW_CONNECTION,             "newConnection",            MP_OF(MP_TCP_SERVER), NONE)          \
    X(ACCEPT_ERROR,               "acceptError",              MP_OF(MP_TCP_SERVER), FAULT)         \
    X(CONNECTION_RESUMED,         "connectionResumed",        MP_OF(MP_TCP_SERVER), OBJECT)        \
    X(TIMEOUT,                    "timeout",                  MP_OF(MP_TIMER),      NONE)          \
    X(MODE_CHANGED,               "modeChanged",              MP_OF(MP_SSL_SOCKET), MODE)          \
    X(ENCRYPTED,                  "encrypted",                MP_OF(MP_SSL_SOCKET), NONE)          \
    X(SSL_ERRORS,                 "sslErrors",                MP_OF(MP_SSL_SOCKET), SSL_ERRORS)    \
    X(ALERT_SENT,                 "alertSent",                MP_OF(MP_SSL_SOCKET), ALERT)         \
    X(ALERT_RECEIVED,             "alertReceived",            MP_OF(MP_SSL_SOCKET), ALERT)         \
    X(NEW_TICKET,                 "newSessionTicketReceived", MP_OF(MP_SSL_SOCKET), NONE)          \
    X(SERVER_NAME_REQUESTED,      "serverNameRequested",      MP_OF(MP_SSL_SERVER), NONE)          \
    X(STARTED_HANDSHAKE,          "startedEncryptionHandshake", MP_OF(MP_SSL_SERVER), PEER)        \
    X(HANDSHAKE_ERROR,            "errorOccurred",            MP_OF(MP_SSL_SERVER), OBJECT_FAULT)  \
    X(DATAGRAM_RECEIVED,          "datagramReceived",         MP_OF(MP_UDP_SOCKET), DATAGRAM)        \
    X(STARTED,                    "started",                  MP_OF(MP_PROCESS),    NONE)          \
    X(FINISHED,                   "finished",                 MP_OF(MP_PROCESS),    EXIT)          \
    X(PROCESS_STATE,              "stateChanged",             MP_OF(MP_PROCESS),    PROCESS_STATE) \
    X(OUTPUT_READY,               "readyReadStandardOutput",  MP_OF(MP_PROCESS),    NONE)          \
    X(ERROR_READY,                "readyReadStandardError",   MP_OF(MP_PROCESS),    NONE)          \
    X(CHANNEL_READY,              "channelReadyRead",         MP_OF(MP_PROCESS),    CHANNEL)
/* clang-format on */

enum mp_signal {
#define X(name, lua_name, kinds, argument) MP_SIGNAL_##name,
    MP_SIGNALS(X)
#undef X
        MP_SIGNAL_COUNT
};

/* What the integer argument of a signal means. */
enum mp_signal_argument {
    MP_ARGUMENT_NONE,
    MP_ARGUMENT_INTEGER,
    MP_ARGUMENT_STATE,
    MP_ARGUMENT_FAULT,
    MP_ARGUMENT_OBJECT,
    MP_ARGUMENT_MODE,          /* enum mp_ssl_mode */
    MP_ARGUMENT_SSL_ERRORS,    /* the object's own */
    MP_ARGUMENT_ALERT,         /* its level in the second byte, its description in the first */
    MP_ARGUMENT_PEER,          /* an object: the address and the port of its peer */
    MP_ARGUMENT_OBJECT_FAULT,  /* an object, and its fault */
    MP_ARGUMENT_DATAGRAM,      /* an mp_datagram: its bytes, its peer, what else is known of it */
    MP_ARGUMENT_PROCESS_STATE, /* enum mp_process_state */
    MP_ARGUMENT_EXIT,          /* how a process ended: an mp_exit, see mp_process_exit_of */
    MP_ARGUMENT_CHANNEL        /* enum mp_process_channel */
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

/* True if it is that kind, or is based on it. `wanted` is a constant, so that this is a look at one bit. */
static inline bool mp_kind_is(enum mp_kind kind, enum mp_kind wanted) {
#define X(one, base) | ((one) == wanted || (base) == wanted ? MP_OF(one) : 0)
    return ((0 MP_KINDS(X)) & MP_OF(kind)) != 0;
#undef X
}

/* True if a kind, or one that it is based on, has the signal. */
static inline bool mp_signal_belongs(enum mp_signal signal, enum mp_kind kind) {
    static const uint32_t sets[] = {
#define X(name, lua_name, kinds, argument) (kinds),
        MP_SIGNALS(X)
#undef X
    };
    while (!(sets[signal] & MP_OF(kind)) && mp_kind_base(kind) != kind && kind != MP_PROCESS)
        kind = mp_kind_base(kind);
    return (sets[signal] & MP_OF(kind)) != 0;
}

#endif
