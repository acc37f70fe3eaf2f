/*
 * OCSP stapling: a server sends a proof that its certificate isn't revoked, and a client that asks for one
 * looks at it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_STAPLING_H
#define MP_TLS_STAPLING_H

#include "tls/hooks.h"

/* The hook `status`. */
int mp_tls_status(mp_tls_session *session);

#endif
