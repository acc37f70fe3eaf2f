/*
 * The system's roots; see roots.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/roots.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "system/file.h"

/* By the environment, as OpenSSL has it, or the default. */
static const char *place(const char *variable, const char *otherwise) {
    const char *value = secure_getenv(variable);
    return value ? value : otherwise;
}

static bool hash_status(EVP_MD_CTX *hash, const char *path) {
    mp_file_status status = {0};
    (void)mp_system_file_status(path, &status);
    const uint64_t facts[] = {status.device, status.inode, (uint64_t)status.size, (uint64_t)status.seconds,
                              (uint64_t)status.nanoseconds};
    return EVP_DigestUpdate(hash, facts, sizeof facts) == 1;
}

/* A hash of what the file and the folders are like now, which is the same in all processes. */
static bool make_stamp(unsigned char stamp[MP_TLS_STAMP_SIZE]) {
    char path[4096];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool made = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                hash_status(hash, place(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
    const char *folder = place(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    for (const char *end; made && *folder; folder = *end ? end + 1 : end) {
        end = strchrnul(folder, ':');
        size_t length = (size_t)(end - folder);
        if (length == 0 || length >= sizeof path)
            continue;
        memcpy(path, folder, length);
        path[length] = '\0';
        made = hash_status(hash, path);
    }
    made = made && EVP_DigestFinal_ex(hash, stamp, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return made;
}

bool mp_tls_add_system_roots(X509_STORE *store) {
    bool added = X509_STORE_set_default_paths(store) == 1;
    ERR_clear_error();
    return added;
}

/* What was there stays if memory is missing: the next look tries it again. */
static void look(mp_tls_roots *roots) {
    unsigned char stamp[MP_TLS_STAMP_SIZE];
    if (!make_stamp(stamp) || (roots->store && memcmp(stamp, roots->stamp, sizeof stamp) == 0))
        return;
    X509_STORE *store = X509_STORE_new();
    if (!store || !mp_tls_add_system_roots(store)) {
        X509_STORE_free(store);
        return;
    }
    X509_STORE_free(roots->store);
    roots->store = store;
    roots->number++;
    memcpy(roots->stamp, stamp, sizeof stamp);
}

X509_STORE *mp_tls_system_roots(mp_tls_shared *shared) {
    mp_tls_roots *roots = &shared->roots;
    double now = mp_loop_now();
    if (!roots->store || roots->due <= now) {
        roots->due = now + MP_TLS_ROOTS_AGE;
        look(roots);
        ERR_clear_error();
    }
    return roots->store;
}

void mp_tls_look_at_roots(mp_tls_shared *shared) {
    shared->roots.due = 0;
}
