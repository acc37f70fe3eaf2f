/*
 * What is decided during a handshake: which configuration answers to a name, whether the peer is let in,
 * which protocol is spoken.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_HANDSHAKE_H
#define MP_TLS_HANDSHAKE_H

#include "tls/peer_errors.h"
#include "tls/ssl_extras.h"

/* Steps of an SslSocket's own in the loop's queue, beside those of a TcpSocket: handlers are asked about the
   peer's faults, or about a name; encryption starts, as all that was queued has left. */
enum { STEP_JUDGE = 8, STEP_ASK, STEP_SWITCH };

/* The hooks of all sessions; the owner is the stream. */
extern const mp_tls_hooks mp_tls_handshake_hooks;

/* Sets what a client asks for and expects. 0 or -ENOMEM. */
int mp_tls_prepare_client(mp_stream *stream);

/* OpenSSL has finished a handshake: is anything left to ask or to refuse? MP_TRANSPORT_BYTES, _SUSPENDED or
   _BROKEN, with a text. */
uint8_t mp_tls_conclude(mp_stream *stream);

/* STEP_JUDGE, and the end of the handlers that it has called. */
void mp_tls_judge(mp_stream *stream);
void mp_tls_judged(mp_stream *stream);

/* STEP_ASK. */
void mp_tls_ask_for_name(mp_stream *stream);

/* The answer to that: a configuration, or NULL; does nothing once there is one. */
void mp_tls_answer(mp_stream *stream, mp_tls_configuration *configuration, enum mp_naming naming);

/* The same as if nobody had been asked. */
void mp_tls_answer_default(mp_stream *stream);

/* Nobody has named a configuration in time: the client gets an alert, "internal error", and the log of the
   handler. False: no handler was asked. */
bool mp_tls_give_up_name(mp_stream *stream);

/* Looks which handlers there are, before a session is entered: that may run code of the script, which may end
   the connection. */
void mp_tls_find_handlers(mp_stream *stream);

#endif
