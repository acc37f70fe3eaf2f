/*
 * What TLS connections share; see shared.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/shared.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "tls/keylog.h"

static void free_shared(mp_network *network) {
    mp_tls_shared *shared = network->tls;
    shared->files_changed = NULL;
    if (shared->usual)
        shared->let_go(shared->usual);
    assert(mp_ring_is_empty(&shared->configurations));
    mp_delay_stop(&shared->daily, &network->loop);
    mp_delay_stop(&shared->renewal.again, &network->loop);
    mp_tls_keylog_free(shared->keylog);
    BIO_meth_free(shared->bio);
    X509_STORE_free(shared->roots.store);
    OPENSSL_cleanse(shared->ticket_keys, sizeof shared->ticket_keys);
    OPENSSL_cleanse(shared->salt, sizeof shared->salt);
    free(shared);
    network->tls = NULL;
}

mp_tls_shared *mp_tls_shared_of(mp_network *network) {
    if (network->tls)
        return network->tls;
    mp_tls_shared *shared = calloc(1, sizeof *shared);
    if (!shared)
        return NULL;
    shared->network = network;
    mp_ring_init(&shared->configurations);
    network->tls = shared;
    network->free_tls = free_shared;
    return shared;
}
