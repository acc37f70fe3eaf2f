/*
 * Faults: what can go wrong with a socket, each with Qt's error name and Qt's words for it
 * (QAbstractSocket::SocketError). The one list below is where C names, Lua strings and texts come from.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ERROR_H
#define MP_ERROR_H

/* clang-format off */
/*  fault                   Qt's error name                     text */
#define MP_FAULTS(X)                                                                                         \
    X(NONE,                 "UnknownSocketError",               "Unknown error")                             \
    X(CONNECTION_REFUSED,   "ConnectionRefusedError",           "Connection refused")                        \
    X(REMOTE_CLOSED,        "RemoteHostClosedError",            "The remote host closed the connection")     \
    X(HOST_NOT_FOUND,       "HostNotFoundError",                "Host not found")                            \
    X(NAME_NOT_ASCII,       "HostNotFoundError",                "Names beyond ASCII are not supported by this build") \
    X(ACCESS,               "SocketAccessError",                "Permission denied")                         \
    X(PROTECTED,            "SocketAccessError",                "The address is protected")                  \
    X(RESOURCE,             "SocketResourceError",              "Out of resources")                          \
    X(CONNECT_TIMEOUT,      "SocketTimeoutError",               "Connection timed out")                      \
    X(WAIT_TIMEOUT,         "SocketTimeoutError",               "Network operation timed out")               \
    X(SOCKET_TIMEOUT,       "SocketTimeoutError",               "Socket operation timed out")                \
    X(IDLE_TIMEOUT,         "SocketTimeoutError",               "The connection was idle for too long")      \
    X(DATAGRAM_TOO_LARGE,   "DatagramTooLargeError",            "Datagram was too large to send")            \
    X(NETWORK,              "NetworkError",                     "Network error")                             \
    X(NETWORK_TIMEOUT,      "NetworkError",                     "Connection timed out")                      \
    X(HOST_UNREACHABLE,     "NetworkError",                     "Host unreachable")                          \
    X(NETWORK_UNREACHABLE,  "NetworkError",                     "Network unreachable")                       \
    X(ADDRESS_IN_USE,       "AddressInUseError",                "The bound address is already in use")       \
    X(ADDRESS_NOT_AVAILABLE, "SocketAddressNotAvailableError",  "The address is not available")              \
    X(PROTOCOL_UNSUPPORTED, "UnsupportedSocketOperationError",  "Protocol type not supported")               \
    X(UNSUPPORTED,          "UnsupportedSocketOperationError",  "Unsupported socket operation")              \
    X(INVALID_DESCRIPTOR,   "UnsupportedSocketOperationError",  "Invalid socket descriptor")                 \
    X(NOT_A_SOCKET,         "UnsupportedSocketOperationError",  "Operation on non-socket")                   \
    X(UNFINISHED,           "UnfinishedSocketOperationError",   "Operation on socket is not supported")      \
    X(BUSY,                 "OperationError",                   "Trying to connect while connection is in progress") \
    X(NOT_OPEN,             "OperationError",                   "device not open")                           \
    X(READ_ONLY,            "OperationError",                   "device is opened for reading only")         \
    X(WRITE_ONLY,           "OperationError",                   "device is opened for writing only")         \
    X(WRITE_CHANNEL_CLOSED, "OperationError",                   "the write channel is closed")               \
    X(SEQUENTIAL,           "OperationError",                   "the device is sequential")                  \
    X(ALREADY_LISTENING,    "OperationError",                   "called when already listening")             \
    X(NOT_LISTENING,        "OperationError",                   "not listening")                             \
    X(CANCELLED,            "OperationError",                   "cancelled")                                 \
    X(NOT_CONNECTED,        "UnknownSocketError",               "Socket is not connected")                   \
    X(NOTHING_QUEUED,       "UnknownSocketError",               "Nothing is queued")                         \
    X(WRITE_BUFFER_FULL,    "WriteBufferFullError",             "The write buffer is full")                  \
    X(READ_BUFFER_FULL,     "ReadBufferFullError",              "What is asked for is larger than the read buffer") \
    X(TEMPORARY,            "TemporaryError",                   "Temporary error")                           \
    X(UNKNOWN,              "UnknownSocketError",               "Unknown error")
/* clang-format on */

enum mp_fault {
#define X(name, code, text) MP_FAULT_##name,
    MP_FAULTS(X)
#undef X
        MP_FAULT_COUNT
};

/* What was being tried when a system call failed: the same errno means different things to Qt. */
enum mp_attempt {
    MP_ATTEMPT_SOCKET,
    MP_ATTEMPT_BIND,
    MP_ATTEMPT_LISTEN,
    MP_ATTEMPT_ACCEPT,
    MP_ATTEMPT_CONNECT,
    MP_ATTEMPT_READ,
    MP_ATTEMPT_WRITE,
    MP_ATTEMPT_LOOKUP
};

/* The fault that errno value `error` (positive) means in `attempt`, as Qt's native socket engine maps it. */
enum mp_fault mp_fault_from_errno(enum mp_attempt attempt, int error);

/* Qt's name of the error ("ConnectionRefusedError"); stable, for programs. */
const char *mp_fault_code(enum mp_fault fault);

/* Qt's words ("Connection refused"), for people. */
const char *mp_fault_text(enum mp_fault fault);

#endif
