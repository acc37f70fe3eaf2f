/*
 * Verifying a chain of certificates without a connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_CHAIN_H
#define MP_TLS_CHAIN_H

#include "tls/configuration.h"
#include "tls/verify.h"

/* QSslCertificate::verify: adds all that is wrong with a chain, leaf first, for somebody who trusts whom the
   configuration does. `name`: a host's, which the leaf must have; NULL: none. What the certificates may be
   used for isn't looked at. 0 or -ENOMEM. */
int mp_tls_verify_chain(mp_tls_configuration *configuration, mp_certificates *chain, const char *name,
                        mp_tls_errors *errors);

#endif
