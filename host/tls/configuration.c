/*
 * TLS configurations; see configuration.h. What OpenSSL makes of one is compile.c's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/configuration.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/compile.h"
#include "tls/keylog.h"
#include "tls/library.h"
#include "tls/options.h"
#include "tls/pem.h"
#include "tls/shared.h"
#include "tls/validity.h"

#define DAY 86400
#define HASH_SIZE 32

struct mp_tls_configuration {
    uint32_t references;
    mp_ring link; /* in the shared list */
    mp_tls_shared *shared;
    mp_tls_options options; /* the texts and lists are copies in `memory` */
    char *memory;
    size_t memory_size;
    mp_file_status status[MP_TLS_TEXTS]; /* of the files, when they were read */
    unsigned char passphrase[HASH_SIZE]; /* if it is forgotten */
    mp_tls_compiled compiled;
};

/* --- files ---------------------------------------------------------------------------------------------- */

static bool is_file(const mp_tls_options *options, int text) {
    const char *source = options->texts[text];
    switch (text) {
    case MP_TLS_CERTIFICATE:
    case MP_TLS_KEY:
    case MP_TLS_CRL:
    case MP_TLS_TICKET_KEYS_FILE:
    case MP_TLS_OCSP_RESPONSE: return source && !mp_pem_is_text(source);
    case MP_TLS_CA_CERTIFICATES: return source && !mp_pem_is_text(source) && strcmp(source, "system") != 0;
    default: return false;
    }
}

static void look_at_files(const mp_tls_options *options, mp_file_status *status) {
    for (int i = 0; i < MP_TLS_TEXTS; i++) {
        status[i] = (mp_file_status){0};
        if (is_file(options, i))
            (void)mp_system_file_status(options->texts[i], &status[i]);
    }
}

static bool same_files(const mp_file_status *a, const mp_file_status *b) {
    for (int i = 0; i < MP_TLS_TEXTS; i++)
        if (!mp_system_same_file(&a[i], &b[i]))
            return false;
    return true;
}

/* --- passphrases ---------------------------------------------------------------------------------------- */

/* Of one that is forgotten only a hash stays, to find the configuration again. */
static bool hash_passphrase(mp_tls_shared *shared, const mp_tls_options *options,
                            unsigned char hash[HASH_SIZE]) {
    const char *passphrase = options->texts[MP_TLS_PASSPHRASE];
    if (!options->forgets_passphrase || !passphrase)
        return true;
    if (!shared->salted && RAND_bytes(shared->salt, sizeof shared->salt) != 1)
        return false;
    shared->salted = true;
    return HMAC(EVP_sha256(), shared->salt, sizeof shared->salt, (const unsigned char *)passphrase,
                strlen(passphrase), hash, NULL) != NULL;
}

static void forget_passphrase(mp_tls_options *options) {
    const char *passphrase = options->texts[MP_TLS_PASSPHRASE];
    if (!options->forgets_passphrase || !passphrase)
        return;
    OPENSSL_cleanse((void *)(uintptr_t)passphrase, strlen(passphrase));
    options->texts[MP_TLS_PASSPHRASE] = NULL;
}

/* --- dates ---------------------------------------------------------------------------------------------- */

static void look_at_dates(mp_tls_shared *shared, const mp_tls_configuration *configuration) {
    const mp_certificate *certificate = mp_tls_configuration_certificate(configuration, 0);
    if (certificate)
        mp_tls_warn_of_dates(shared, certificate, (int64_t)time(NULL));
}

static void on_day(mp_delay *daily) {
    mp_tls_shared *shared = MP_CONTAINER(daily, mp_tls_shared, daily);
    const mp_tls_configuration *one = NULL;
    while ((one = mp_tls_next_configuration(shared->network, one)))
        look_at_dates(shared, one);
    if (!mp_ring_is_empty(&shared->configurations))
        mp_delay_start(daily, &shared->network->loop, DAY * 1000.0, on_day);
}

static void watch_dates(mp_tls_shared *shared, const mp_tls_configuration *configuration) {
    if (!mp_tls_configuration_certificate(configuration, 0))
        return;
    look_at_dates(shared, configuration);
    if (!ev_is_active(&shared->daily.watcher))
        mp_delay_start(&shared->daily, &shared->network->loop, DAY * 1000.0, on_day);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static mp_tls_configuration *find(const mp_tls_shared *shared, const mp_tls_options *options,
                                  const mp_file_status *status, const unsigned char *passphrase) {
    for (mp_ring *link = shared->configurations.next; link != &shared->configurations; link = link->next) {
        mp_tls_configuration *one = MP_CONTAINER(link, mp_tls_configuration, link);
        if (mp_tls_same_options(&one->options, options) && same_files(one->status, status) &&
            memcmp(one->passphrase, passphrase, HASH_SIZE) == 0)
            return one;
    }
    return NULL;
}

static void tell_observer(const mp_tls_shared *shared) {
    if (shared->files_changed)
        shared->files_changed(shared->observer);
}

static void free_configuration(mp_tls_configuration *configuration) {
    mp_tls_compiled_free(&configuration->compiled);
    if (configuration->memory)
        OPENSSL_cleanse(configuration->memory, configuration->memory_size);
    free(configuration->memory);
    free(configuration);
}

mp_tls_configuration *mp_tls_configuration_new(mp_network *network, const mp_tls_options *options,
                                               mp_tls_message *message) {
    mp_file_status status[MP_TLS_TEXTS];
    unsigned char passphrase[HASH_SIZE] = {0};
    mp_tls_shared *shared = mp_tls_shared_of(network);
    mp_tls_configuration *configuration = NULL;
    look_at_files(options, status);
    if (shared && !shared->whole)
        shared->whole = mp_tls_library_is_whole();
    bool hashed = shared && shared->whole && hash_passphrase(shared, options, passphrase);
    if (hashed && (configuration = find(shared, options, status, passphrase))) {
        configuration->references++;
        return configuration;
    }
    configuration = hashed ? calloc(1, sizeof *configuration) : NULL;
    if (configuration) {
        configuration->memory_size = mp_tls_copy_options(NULL, options, NULL);
        configuration->memory = malloc(configuration->memory_size + 1);
    }
    if (!configuration || !configuration->memory) {
        free(configuration);
        mp_tls_say(message, "out of memory");
        return NULL;
    }
    mp_tls_copy_options(&configuration->options, options, configuration->memory);
    if (!mp_tls_compile(&configuration->compiled, shared, &configuration->options, NULL, message)) {
        free_configuration(configuration);
        return NULL;
    }
    forget_passphrase(&configuration->options);
    memcpy(configuration->passphrase, passphrase, HASH_SIZE);
    for (size_t i = 0; i < options->name_count; i++)
        mp_tls_configuration_reference(options->names[i].configuration);
    memcpy(configuration->status, status, sizeof status);
    configuration->references = 1;
    configuration->shared = shared;
    mp_ring_append(&shared->configurations, &configuration->link);
    watch_dates(shared, configuration);
    tell_observer(shared);
    return configuration;
}

void mp_tls_configuration_reference(mp_tls_configuration *configuration) {
    configuration->references++;
}

void mp_tls_configuration_unreference(mp_tls_configuration *configuration) {
    if (!configuration || --configuration->references > 0)
        return;
    for (size_t i = 0; i < configuration->options.name_count; i++)
        mp_tls_configuration_unreference(configuration->options.names[i].configuration);
    mp_ring_remove(&configuration->link);
    tell_observer(configuration->shared);
    free_configuration(configuration);
}

mp_tls_configuration *mp_tls_usual_configuration(mp_network *network, mp_tls_message *message) {
    mp_tls_shared *shared = network->tls;
    mp_tls_options defaults;
    if (!shared || !shared->usual) {
        mp_tls_default_options(&defaults);
        mp_tls_configuration *made = mp_tls_configuration_new(network, &defaults, message);
        if (!made)
            return NULL;
        shared = made->shared;
        shared->usual = made;
        shared->let_go = mp_tls_configuration_unreference;
    }
    mp_tls_configuration_reference(shared->usual);
    return shared->usual;
}

enum mp_tls_reading mp_tls_configuration_reread(mp_tls_configuration *configuration, const char *passphrase,
                                                mp_tls_message *message) {
    mp_tls_options options = configuration->options;
    mp_tls_compiled compiled = {0};
    mp_file_status status[MP_TLS_TEXTS];
    unsigned char hash[HASH_SIZE];
    EVP_PKEY *key = NULL;
    memcpy(hash, configuration->passphrase, HASH_SIZE);
    look_at_files(&options, status);
    if (same_files(status, configuration->status))
        return MP_TLS_UNCHANGED;
    if (options.forgets_passphrase && passphrase)
        options.texts[MP_TLS_PASSPHRASE] = passphrase;
    else if (options.forgets_passphrase &&
             mp_system_same_file(&status[MP_TLS_KEY], &configuration->status[MP_TLS_KEY]))
        key = SSL_CTX_get0_privatekey(configuration->compiled.context);
    if (!hash_passphrase(configuration->shared, &options, hash)) {
        mp_tls_say(message, "out of memory");
        return MP_TLS_UNUSABLE;
    }
    if (!mp_tls_compile(&compiled, configuration->shared, &options, key, message))
        return MP_TLS_UNUSABLE;
    mp_tls_compiled_free(&configuration->compiled);
    configuration->compiled = compiled;
    memcpy(configuration->status, status, sizeof status);
    memcpy(configuration->passphrase, hash, HASH_SIZE);
    watch_dates(configuration->shared, configuration);
    tell_observer(configuration->shared);
    return MP_TLS_RENEWED;
}

/* --- all of them ---------------------------------------------------------------------------------------- */

mp_tls_configuration *mp_tls_next_configuration(const mp_network *network,
                                                const mp_tls_configuration *previous) {
    const mp_tls_shared *shared = network->tls;
    if (!shared)
        return NULL;
    mp_ring *next = previous ? previous->link.next : shared->configurations.next;
    return next != &shared->configurations ? MP_CONTAINER(next, mp_tls_configuration, link) : NULL;
}

const char *mp_tls_configuration_file(const mp_tls_configuration *configuration, enum mp_tls_text text,
                                      const mp_file_status **status) {
    *status = &configuration->status[text];
    return is_file(&configuration->options, (int)text) ? configuration->options.texts[text] : NULL;
}

int mp_tls_log_keys(mp_network *network, const char *path) {
    mp_tls_shared *shared = mp_tls_shared_of(network);
    int result = -ENOMEM;
    if (shared)
        shared->keylog = mp_tls_keylog_new(path, &result);
    return result;
}

int mp_tls_observe_files(mp_network *network, void (*changed)(void *observer), void *observer) {
    mp_tls_shared *shared = changed || network->tls ? mp_tls_shared_of(network) : NULL;
    if (!shared)
        return changed ? -ENOMEM : 0;
    shared->files_changed = changed;
    shared->observer = observer;
    return 0;
}

/* --- what it says --------------------------------------------------------------------------------------- */

mp_network *mp_tls_configuration_network(const mp_tls_configuration *configuration) {
    return configuration->shared->network;
}

const mp_tls_options *mp_tls_configuration_options(const mp_tls_configuration *configuration) {
    return &configuration->options;
}

bool mp_tls_configuration_can_serve(const mp_tls_configuration *configuration) {
    return configuration->options.texts[MP_TLS_CERTIFICATE] || configuration->options.psk_count > 0 ||
           configuration->options.name_count > 0;
}

mp_certificate *mp_tls_configuration_certificate(const mp_tls_configuration *configuration, size_t index) {
    STACK_OF(X509) *chain = NULL;
    if (index == 0)
        return SSL_CTX_get0_certificate(configuration->compiled.context);
    SSL_CTX_get0_chain_certs(configuration->compiled.context, &chain);
    return chain && index <= (size_t)sk_X509_num(chain) ? sk_X509_value(chain, (int)index - 1) : NULL;
}

SSL_CTX *mp_tls_configuration_context(const mp_tls_configuration *configuration) {
    return configuration->compiled.context;
}

bool mp_tls_configuration_trust(mp_tls_configuration *configuration) {
    return mp_tls_compiled_trust(&configuration->compiled, configuration->shared, &configuration->options);
}

const mp_tls_ticket_keys *mp_tls_configuration_ticket_keys(const mp_tls_configuration *configuration) {
    return configuration->compiled.ticket_keys;
}

const char *mp_tls_configuration_ocsp(const mp_tls_configuration *configuration, size_t *size,
                                      int64_t *until) {
    *size = configuration->compiled.ocsp_response.size;
    *until = configuration->compiled.ocsp_until;
    return configuration->compiled.ocsp_response.bytes;
}

const unsigned char *mp_tls_configuration_rule(const mp_tls_configuration *configuration) {
    const mp_tls_compiled *compiled = &configuration->compiled;
    return compiled->roots != 0 ? compiled->rule_with_roots : compiled->rule;
}

/* --- names ---------------------------------------------------------------------------------------------- */

static mp_tls_configuration *named(const mp_tls_options *options, const char *name) {
    for (size_t i = 0; i < options->name_count; i++)
        if (strcasecmp(options->names[i].name, name) == 0)
            return options->names[i].configuration;
    return NULL;
}

/* Does its own certificate answer to the name? */
static bool answers_to(const mp_tls_configuration *configuration, const char *name) {
    mp_certificate *certificate = mp_tls_configuration_certificate(configuration, 0);
    return certificate && mp_certificate_answers_to(certificate, name);
}

mp_tls_configuration *mp_tls_configuration_for_name(mp_tls_configuration *configuration, const char *name,
                                                    bool *exactly) {
    const mp_tls_options *options = &configuration->options;
    const char *dot = name ? strchr(name, '.') : NULL;
    mp_tls_configuration *found = name ? named(options, name) : NULL;
    char wildcard[300];
    if (!found && dot && snprintf(wildcard, sizeof wildcard, "*%s", dot) < (int)sizeof wildcard)
        found = named(options, wildcard);
    if (!found && name && answers_to(configuration, name))
        found = configuration;
    *exactly = found != NULL;
    return found ? found : options->require_server_name ? NULL : configuration;
}
