/*
 * TLS configurations: certificate, key, whom to trust, versions, ciphers and names; checked when one is made.
 * It doesn't change, but for its files, which can be read again (refresh). Those with the same content are
 * one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_CONFIGURATION_H
#define MP_TLS_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/ring.h"
#include "net/network.h"
#include "system/file.h"
#include "tls/certificate.h"
#include "tls/message.h"

/* QSslSocket::SslMode, with Qt's numbers. */
enum mp_ssl_mode { MP_UNENCRYPTED_MODE, MP_SSL_CLIENT_MODE, MP_SSL_SERVER_MODE };

/* QSslSocket::PeerVerifyMode, with Qt's numbers. */
enum mp_tls_verify_mode { MP_VERIFY_NONE, MP_QUERY_PEER, MP_VERIFY_PEER, MP_AUTO_VERIFY_PEER };

/* The options that are texts: paths, PEM, or lists in OpenSSL's way. */
enum mp_tls_text {
    MP_TLS_CERTIFICATE,
    MP_TLS_KEY,
    MP_TLS_PASSPHRASE,
    MP_TLS_CA_CERTIFICATES, /* "system": those that the system trusts, the default of clients */
    MP_TLS_CRL,
    MP_TLS_CIPHERS,
    MP_TLS_CIPHER_SUITES,
    MP_TLS_CURVES,
    MP_TLS_TICKET_KEYS_FILE,
    MP_TLS_OCSP_RESPONSE,
    MP_TLS_TEXTS
};

typedef struct mp_tls_configuration mp_tls_configuration;

/* A key that both sides know, by its identity. */
typedef struct mp_tls_psk {
    const char *identity;
    const char *key;
    size_t key_size;
} mp_tls_psk;

/* Which configuration answers to a name: "a.example", or "*.b.example" for one label in place of the star. */
typedef struct mp_tls_name {
    const char *name;
    mp_tls_configuration *configuration;
} mp_tls_name;

/* What a configuration is made of. All is copied. */
typedef struct mp_tls_options {
    const char *texts[MP_TLS_TEXTS]; /* NULL: not given */
    const char *alpn;                /* protocols, each behind a byte with its length */
    size_t alpn_size;
    const mp_tls_psk *psks;
    size_t psk_count;
    const mp_tls_name *names;
    size_t name_count;
    int minimum_version, maximum_version; /* 0x0303, 0x0304; 0: the default */
    enum mp_tls_verify_mode verify_mode;
    unsigned verify_depth;   /* 0: the whole chain */
    int64_t session_timeout; /* seconds */
    bool tickets;
    bool require_server_name; /* a name that nothing answers to is refused */
    bool forgets_passphrase;  /* it is wiped when the key has been read, and given anew to read it again */
    bool ocsp_stapling;       /* of a client: the server must staple a proof that isn't revoked */
} mp_tls_options;

/* The defaults: TLS 1.2 and 1.3, AutoVerifyPeer, tickets for two hours. */
void mp_tls_default_options(mp_tls_options *options);

/* Makes a configuration, or finds one of the same content, with a reference for the caller; NULL and what is
   wrong. */
mp_tls_configuration *mp_tls_configuration_new(mp_network *network, const mp_tls_options *options,
                                               mp_tls_message *message);

/* The one of the defaults, which is made once; the same results. */
mp_tls_configuration *mp_tls_usual_configuration(mp_network *network, mp_tls_message *message);

void mp_tls_configuration_reference(mp_tls_configuration *configuration);
void mp_tls_configuration_unreference(mp_tls_configuration *configuration);

/* Reads its files again if they aren't what they were, and uses them for new handshakes. UNUSABLE, and what
   is wrong: those that it had stay. `passphrase`: NULL: that of the options; without one a key that has not
   changed is kept. For renewal.h, which also knows of its names, and of files that are being written. */
enum mp_tls_reading { MP_TLS_UNCHANGED, MP_TLS_RENEWED, MP_TLS_UNUSABLE };
enum mp_tls_reading mp_tls_configuration_reread(mp_tls_configuration *configuration, const char *passphrase,
                                                mp_tls_message *message);

mp_network *mp_tls_configuration_network(const mp_tls_configuration *configuration);

/* The one after `previous` (NULL: the first) of all that live; NULL: there is none. */
mp_tls_configuration *mp_tls_next_configuration(const mp_network *network,
                                                const mp_tls_configuration *previous);

/* The file that it was read from for an option, and what that was then; NULL: none. */
const char *mp_tls_configuration_file(const mp_tls_configuration *configuration, enum mp_tls_text text,
                                      const mp_file_status **status);

/* Writes the secrets of all connections of configurations that are made from now on to a file (keylog.h).
   0 or -errno. */
int mp_tls_log_keys(mp_network *network, const char *path);

/* Calls `changed` when the files of all configurations together may be others, until NULL is given. It may
   run inside API calls, and does no more than to remember that. 0 or -ENOMEM. */
int mp_tls_observe_files(mp_network *network, void (*changed)(void *observer), void *observer);

const mp_tls_options *mp_tls_configuration_options(const mp_tls_configuration *configuration);

/* Has it a certificate, or keys that both sides know? A server needs either. */
bool mp_tls_configuration_can_serve(const mp_tls_configuration *configuration);

/* Its certificate, or the next of its chain behind `previous`... in order; NULL: there is none (more). */
mp_certificate *mp_tls_configuration_certificate(const mp_tls_configuration *configuration, size_t index);

/* The configuration that answers to `name` (NULL: none was given): among its names, itself, or NULL where it
   requires another. *exactly: it was found by the name. */
mp_tls_configuration *mp_tls_configuration_for_name(mp_tls_configuration *configuration, const char *name,
                                                    bool *exactly);

/* --- for host/tls --------------------------------------------------------------------------------------- */

struct ssl_ctx_st;

/* What is compiled of it: an SSL_CTX. */
struct ssl_ctx_st *mp_tls_configuration_context(const mp_tls_configuration *configuration);

/* A peer is about to be verified: looks at the system's roots, if it trusts them. False: no memory. */
bool mp_tls_configuration_trust(mp_tls_configuration *configuration);

/* What proves to clients that its certificate isn't revoked (OCSP, DER), and until when, in seconds since
   1970; NULL: nothing. */
const char *mp_tls_configuration_ocsp(const mp_tls_configuration *configuration, size_t *size,
                                      int64_t *until);

/* The keys of its tickets; NULL: the host's. */
const struct mp_tls_ticket_keys *mp_tls_configuration_ticket_keys(const mp_tls_configuration *configuration);

/* A hash, of so many bytes, of what decides whom it lets in; tickets are for one such rule. */
#define MP_TLS_RULE_SIZE 32
const unsigned char *mp_tls_configuration_rule(const mp_tls_configuration *configuration);

#endif
