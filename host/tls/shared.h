/*
 * What the TLS connections of a network share: the buffers through which all ciphertext passes, the keys of
 * tickets, and the configurations that live. Made when the first of them is needed; until then nothing of
 * OpenSSL runs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_TLS_SHARED_H
#define MP_TLS_SHARED_H

#include <openssl/ssl.h>

#include "loop/timer.h"
#include "net/network.h"

/* The most ciphertext that one receive takes from the system. */
#define MP_TLS_INPUT 65536

/* The most plaintext that one send encrypts, in whole records, and what that can become. */
#define MP_TLS_RECORD 16384
#define MP_TLS_BURST (4 * MP_TLS_RECORD)
#define MP_TLS_OUTPUT (MP_TLS_BURST + 4 * 512 + 16384)

/* Ticket keys: the newest, which seals, first. */
#define MP_TLS_TICKET_KEYS 8

typedef struct mp_tls_ticket_key {
    unsigned char name[16], cipher[32], mac[32];
    int64_t made; /* seconds of the clock of mp_loop_now; 0: there is none */
} mp_tls_ticket_key;

/* Those of a file. */
typedef struct mp_tls_ticket_keys {
    size_t count;
    mp_tls_ticket_key list[MP_TLS_TICKET_KEYS];
} mp_tls_ticket_keys;

/* A certificate of whose end the log has told. */
#define MP_TLS_WARNED 32
typedef struct mp_tls_warned {
    unsigned char digest[16];
    int64_t at; /* seconds since 1970 */
} mp_tls_warned;

/* Reading all files again; see renewal.c. */
typedef struct mp_tls_renewal {
    mp_delay again;
    int attempts;              /* made so far, while it runs */
    void (*done)(void *owner); /* NULL: none runs */
    void *owner;
} mp_tls_renewal;

/* The system's roots; see roots.h. */
#define MP_TLS_STAMP_SIZE 32
typedef struct mp_tls_roots {
    X509_STORE *store; /* NULL: nobody has needed them */
    uint32_t number;   /* how often they have been read */
    double due;        /* when they are looked at again */
    unsigned char stamp[MP_TLS_STAMP_SIZE];
} mp_tls_roots;

typedef struct mp_tls_shared {
    mp_network *network;
    BIO_METHOD *bio; /* see session.c */
    bool whole;      /* OpenSSL has what it needs; see library.h */
    mp_ring configurations;
    struct mp_tls_configuration *usual; /* kept for sockets that have none; NULL: none has begun yet */
    void (*let_go)(struct mp_tls_configuration *usual);
    void (*files_changed)(void *observer); /* see mp_tls_observe_files; NULL: nobody watches them */
    void *observer;
    mp_tls_renewal renewal;
    mp_delay daily; /* looks at the dates of certificates */
    mp_tls_warned warned[MP_TLS_WARNED];
    unsigned char salt[16]; /* of hashes of passphrases; see configuration.c */
    bool salted;
    mp_tls_ticket_key ticket_keys[MP_TLS_TICKET_KEYS];
    mp_tls_roots roots;
    struct mp_tls_keylog *keylog;   /* NULL: off */
    struct mp_tls_session *current; /* whose bytes are in the buffers, or NULL */
    size_t input_start, input_end;  /* received, and not taken by OpenSSL yet */
    size_t output_size;             /* encrypted, and not sent yet */
    char input[MP_TLS_INPUT], output[MP_TLS_OUTPUT], plain[MP_TLS_RECORD];
} mp_tls_shared;

/* The network's; NULL: no memory. */
mp_tls_shared *mp_tls_shared_of(mp_network *network);

#endif
