/*
 * TLS as a transport of streams; see net/transport.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_TRANSPORT_H
#define MP_TLS_TRANSPORT_H

#include "net/transport.h"

/* For SslSockets alone; the state is an mp_tls_session, which its release frees. */
extern const mp_transport mp_tls_transport;

#endif
