/*
 * Faults: what can go wrong with a socket, each with Qt's error name and Qt's words for it
 * (QAbstractSocket::SocketError). C names, Lua strings and texts all come from the one list below.
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
    X(FOREIGN_FILE,         "AddressInUseError",                "There is a file that is no socket")         \
    X(NO_SUCH_SOCKET,       "HostNotFoundError",                "There is no such socket")                   \
    X(NO_SUCH_FOLDER,       "HostNotFoundError",                "There is no such folder")                   \
    X(NAME_INVALID,         "HostNotFoundError",                "The name is empty, or has a zero byte")     \
    X(NAME_TOO_LONG,        "HostNotFoundError",                "The name is longer than 107 bytes")         \
    X(READ_ONLY_SYSTEM,     "HostNotFoundError",                "The file system is read-only")              \
    X(NO_SUCH_GROUP,        "UnsupportedSocketOperationError",  "There is no such group")                    \
    X(FOLDER_LOCKED,        "TemporaryError",                   "Another program has locked the folder")     \
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
    X(CHANNEL_CLOSED,       "OperationError",                   "the channel is closed")                     \
    X(NOT_CONNECTED,        "UnknownSocketError",               "Socket is not connected")                   \
    X(NOTHING_QUEUED,       "UnknownSocketError",               "Nothing is queued")                         \
    X(WRITE_BUFFER_FULL,    "WriteBufferFullError",             "The write buffer is full")                  \
    X(OVERLOAD,             "OverloadError",                    "The buffers are full, and this connection holds the most") \
    X(READ_BUFFER_FULL,     "ReadBufferFullError",              "The requested data is larger than the read buffer") \
    X(TEMPORARY,            "TemporaryError",                   "Temporary error")                           \
    X(SSL_HANDSHAKE,        "SslHandshakeFailedError",          "The TLS handshake has failed")              \
    X(SSL_HANDSHAKE_TIMEOUT, "SocketTimeoutError",              "The TLS handshake took too long")           \
    X(SSL_CROWDED_OUT,      "SslHandshakeFailedError",          "Too many TLS handshakes have begun since")  \
    X(SSL_INTERNAL,         "SslInternalError",                 "TLS error")                                 \
    X(SSL_USER_DATA,        "SslInvalidUserDataError",          "The TLS configuration is unusable")         \
    X(SSL_TRUNCATED,        "SslTruncatedError",                "The connection ended before TLS did")   \
    X(SSL_STARTED,          "OperationError",                   "encryption has already been started")       \
    X(SSL_STARTING,         "OperationError",                   "encryption starts behind what is queued")   \
    X(PIPED,                "OperationError",                   "the stream is piped")                       \
    X(SENDING_FILE,         "OperationError",                   "a file is being sent")                      \
    X(FILE_NOT_OPEN,        "OpenError",                        "the file can't be opened")                  \
    X(FILE_SHRUNK,          "ReadError",                        "the file is shorter")                       \
    X(FILE_UNREADABLE,      "ReadError",                        "the file can't be read")                    \
    X(PROCESS_NOT_STARTED,  "FailedToStart",                    "The process has not started")               \
    X(NO_PROGRAM,           "FailedToStart",                    "No program defined")                        \
    X(PROCESS_CRASHED,      "Crashed",                          "Process crashed")                           \
    X(PROCESS_TIMED_OUT,    "Timedout",                         "Process operation timed out")               \
    X(PROCESS_READ,         "ReadError",                        "Error reading from process")                \
    X(PROCESS_WRITE,        "WriteError",                       "Error writing to process")                  \
    X(PROCESS_NONE,         "UnknownError",                     "Unknown error")                             \
    X(PROCESS_RUNNING,      "OperationError",                   "the process is already running")            \
    X(PROCESS_NOT_RUNNING,  "OperationError",                   "the process is not running")                \
    X(OUTPUT_ENDED,         "RemoteHostClosedError",            "The process ended its output")          \
    X(UNKNOWN,              "UnknownSocketError",               "Unknown error")
/* clang-format on */

enum mp_fault {
#define X(name, code, text) MP_FAULT_##name,
    MP_FAULTS(X)
#undef X
        MP_FAULT_COUNT
};

/* What was attempted when a system call failed: Qt gives the same errno different meanings. */
enum mp_attempt {
    MP_ATTEMPT_SOCKET,
    MP_ATTEMPT_BIND,
    MP_ATTEMPT_LISTEN,
    MP_ATTEMPT_ACCEPT,
    MP_ATTEMPT_CONNECT,
    MP_ATTEMPT_READ,
    MP_ATTEMPT_WRITE,
    MP_ATTEMPT_LOOKUP,
    MP_ATTEMPT_BIND_LOCAL, /* and everything else that has to do with the file of a Unix-domain socket */
    MP_ATTEMPT_CONNECT_LOCAL
};

/* The fault for the errno value `error` (positive) in `attempt`, by the mapping of Qt's native socket
   engine. */
enum mp_fault mp_fault_from_errno(enum mp_attempt attempt, int error);

/* Qt's name of the error ("ConnectionRefusedError"); it is stable, so programs can rely on it. */
const char *mp_fault_code(enum mp_fault fault);

/* Qt's words ("Connection refused"), for people. */
const char *mp_fault_text(enum mp_fault fault);

#endif
