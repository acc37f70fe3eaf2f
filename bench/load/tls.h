// SPDX-License-Identifier: MIT
//
// The client's side of TLS 1.3, with one cipher suite and one key exchange. Sending and receiving return what
// send(2) and recv(2) do. Any other fault ends the load.

#ifndef LOAD_TLS_H
#define LOAD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct ssl_st SSL;                 // as in openssl/types.h, which only tls.c includes
typedef struct ssl_session_st SSL_SESSION; // of a ticket

extern long tls_handshakes, tls_resumed; // of the connections that have ended; resumed: those with a ticket

void tls_init(void);
SSL *tls_begin(int fd,
               SSL_SESSION **ticket); // uses and replaces *ticket; NULL: no tickets
// Both return -1 with EAGAIN in errno if they have to wait.
ssize_t tls_send(SSL *tls, const void *data, size_t size); // makes the handshake first
ssize_t tls_receive(SSL *tls, void *data, size_t size);    // 0: the end, by close_notify
bool tls_wants_write(const SSL *tls);                      // true if the last of them waits for room
bool tls_is_young(const SSL *tls);                         // true until the end of the handshake
bool tls_is_over(const SSL *tls);                          // true after the peer's close_notify
void tls_say_goodbye(SSL *tls);                            // close_notify
void tls_end(SSL *tls);
size_t tls_hello(unsigned char *to, size_t size); // a ClientHello; returns its length

#endif
