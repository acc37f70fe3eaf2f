/*
 * SslSocket: a TcpSocket whose bytes TLS carries: from the start (connectToHostEncrypted), after an exchange
 * in the clear (startClientEncryption, startServerEncryption), or because its server encrypts. It has all
 * that a stream has.
 *
 * Signals of a handshake: stateChanged(Connected), modeChanged, connected, [sslErrors], encrypted; or
 * errorOccurred and the signals of a close. An accepted connection is pending only after its handshake.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_SSL_SOCKET_H
#define MP_SSL_SOCKET_H

#include "net/tcp_socket.h"
#include "tls/configuration.h"
#include "tls/verify.h"

/* The longest that a client waits for its handshake, milliseconds, unless it sets another time. */
#define MP_SSL_CLIENT_TIMEOUT 30000.0

/* Private to host/. */
typedef struct mp_ssl_socket {
    mp_tcp_socket tcp; /* first */
} mp_ssl_socket;

extern const mp_stream_class mp_ssl_socket_class;

void mp_ssl_socket_init(mp_ssl_socket *socket, mp_network *network);

/* Which configuration the next handshake uses; a running one isn't changed. Counts a reference. 0 or
   -ENOMEM. */
int mp_ssl_socket_set_configuration(mp_ssl_socket *socket, mp_tls_configuration *configuration);

/* The one that was set, or the one in use; NULL: the default of clients. */
mp_tls_configuration *mp_ssl_socket_configuration(const mp_ssl_socket *socket);

/* The name to verify, and to ask for, instead of the host's; "" ends that. 0 or -ENOMEM. */
int mp_ssl_socket_set_verify_name(mp_ssl_socket *socket, const char *name);
const char *mp_ssl_socket_verify_name(const mp_ssl_socket *socket);

/* For how long a handshake may take, milliseconds; 0: for ever. 0 or -ENOMEM. */
int mp_ssl_socket_set_handshake_timeout(mp_ssl_socket *socket, double msec);
double mp_ssl_socket_handshake_timeout(const mp_ssl_socket *socket);

/* QSslSocket::connectToHostEncrypted. Faults: those of mp_tcp_socket_connect; SSL_USER_DATA and a message:
   nothing was begun. */
enum mp_fault mp_ssl_socket_connect(mp_ssl_socket *socket, const char *host, uint16_t port, int open_mode,
                                    enum mp_protocol protocol, mp_tls_message *message);

/* The same over a Unix-domain socket; faults also those of mp_tcp_socket_connect_local. */
enum mp_fault mp_ssl_socket_connect_local(mp_ssl_socket *socket, const mp_local_name *name, int open_mode,
                                          mp_tls_message *message);

/* QSslSocket::startClientEncryption and startServerEncryption. What is queued leaves in the clear first;
   what is unread is TLS's. modeChanged follows. Faults: NOT_CONNECTED, SSL_STARTED, RESOURCE, SSL_USER_DATA
   and a message. */
enum mp_fault mp_ssl_socket_start(mp_ssl_socket *socket, enum mp_ssl_mode mode, mp_tls_message *message);

enum mp_ssl_mode mp_ssl_socket_mode(const mp_ssl_socket *socket);

/* True from `encrypted` to the end of the connection. */
bool mp_ssl_socket_is_encrypted(const mp_ssl_socket *socket);

/* True during a handshake, and during a connect that one follows. */
bool mp_ssl_socket_is_encrypting(const mp_ssl_socket *socket);

/* What was wrong with the peer in the last handshake; NULL: nothing. */
const mp_tls_errors *mp_ssl_socket_errors(const mp_ssl_socket *socket);

/* QSslSocket::ignoreSslErrors: all of this connection's or the next one's (`count` 0), or those of these
   codes, and with these certificates where one is given, from now on. 0 or -ENOMEM. */
int mp_ssl_socket_ignore(mp_ssl_socket *socket);
int mp_ssl_socket_ignore_some(mp_ssl_socket *socket, const char *const *codes,
                              mp_certificate *const *certificates, size_t count);

/* The certificate at `index` of the chain that the peer has sent, its own first; NULL: there is none. Kept
   until the next connection. */
mp_certificate *mp_ssl_socket_peer_certificate(const mp_ssl_socket *socket, size_t index);

/* What was negotiated; NULL and "" before `encrypted` and after the end. */
typedef struct mp_ssl_cipher {
    const char *name, *protocol, *description;
    int used_bits, supported_bits;
} mp_ssl_cipher;

bool mp_ssl_socket_cipher(const mp_ssl_socket *socket, mp_ssl_cipher *cipher);
const char *mp_ssl_socket_protocol(const mp_ssl_socket *socket);
const char *mp_ssl_socket_next_protocol(const mp_ssl_socket *socket, size_t *size);
const char *mp_ssl_socket_server_name(const mp_ssl_socket *socket);

/* The server's key of this handshake alone, with a reference for the caller; NULL: not a client's, or there
   was none. */
mp_key *mp_ssl_socket_ephemeral_key(const mp_ssl_socket *socket);

bool mp_ssl_socket_is_resumed(const mp_ssl_socket *socket);

/* The words for the description of an alert. */
const char *mp_tls_alert_text(int description);

/* RFC 5705. False: it isn't encrypted. */
bool mp_ssl_socket_export_key(const mp_ssl_socket *socket, const char *label, size_t label_size,
                              const char *context, size_t context_size, unsigned char *key, size_t size);

/* A client's session in DER, for a later connection to the same server, in memory that free releases; NULL:
   there is none. set_ticket takes these bytes; false: they are no session. */
unsigned char *mp_ssl_socket_ticket(const mp_ssl_socket *socket, size_t *size);
bool mp_ssl_socket_set_ticket(mp_ssl_socket *socket, const unsigned char *ticket, size_t size);

/* --- for host/tls --------------------------------------------------------------------------------------- */

/* A connection is about to be accepted by a server that encrypts: its handshake comes first, in `timeout`
   milliseconds (0: any time). NONE, RESOURCE, SSL_USER_DATA. */
enum mp_fault mp_ssl_socket_enter(mp_ssl_socket *socket, mp_tls_configuration *configuration, double timeout);

#endif
