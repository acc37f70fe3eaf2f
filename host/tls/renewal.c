/*
 * Reading certificates again; see renewal.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/renewal.h"

#include <stdio.h>
#include <string.h>

#include "tls/roots.h"
#include "tls/validity.h"

/* Whom it is for, or else the first of its files. */
static void describe(const mp_tls_configuration *configuration, char *text, size_t size) {
    const mp_certificate *certificate = mp_tls_configuration_certificate(configuration, 0);
    const mp_file_status *status;
    const char *path = NULL;
    for (int i = 0; i < MP_TLS_TEXTS && !path; i++)
        path = mp_tls_configuration_file(configuration, (enum mp_tls_text)i, &status);
    if (certificate)
        mp_tls_describe_certificate(certificate, text, size);
    else
        (void)snprintf(text, size, "'%s'", path ? path : "");
}

static void log_renewal(const mp_network *network, const mp_tls_configuration *configuration, bool same) {
    const mp_certificate *certificate = mp_tls_configuration_certificate(configuration, 0);
    char names[500], date[MP_DATE_TEXT] = "";
    int64_t until = 0;
    describe(configuration, names, sizeof names);
    if (certificate && mp_certificate_date(certificate, true, &until))
        mp_certificate_date_text(until, date);
    if (same)
        mp_log(network->loop.log_level, MP_LOG_INFO, "TLS: %s: new files", names);
    else
        mp_log(network->loop.log_level, MP_LOG_INFO, "TLS: %s: new certificate, valid until %.10s", names,
               date);
}

static enum mp_tls_reading reread(const mp_network *network, mp_tls_configuration *configuration,
                                  const char *passphrase, mp_tls_message *message) {
    mp_certificate *before = mp_tls_configuration_certificate(configuration, 0);
    mp_certificate_reference(before);
    enum mp_tls_reading result = mp_tls_configuration_reread(configuration, passphrase, message);
    const mp_certificate *now = mp_tls_configuration_certificate(configuration, 0);
    if (result == MP_TLS_RENEWED)
        log_renewal(network, configuration,
                    before == now || (before && now && mp_certificate_equal(before, now)));
    mp_certificate_unreference(before);
    return result;
}

bool mp_tls_refresh(mp_tls_configuration *configuration, const char *passphrase, mp_tls_message *message) {
    const mp_network *network = mp_tls_configuration_network(configuration);
    mp_tls_look_at_roots(network->tls);
    const mp_tls_options *options = mp_tls_configuration_options(configuration);
    bool usable = reread(network, configuration, passphrase, message) != MP_TLS_UNUSABLE;
    for (size_t i = 0; i < options->name_count; i++) {
        mp_tls_message wrong;
        if (!mp_tls_refresh(options->names[i].configuration, NULL, &wrong) && usable) {
            mp_tls_say(message, "serverNames['%s']: %s", options->names[i].name, wrong.text);
            usable = false;
        }
    }
    return usable;
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static void attempt(mp_network *network);

static void on_again(mp_delay *again) {
    attempt(MP_CONTAINER(again, mp_tls_shared, renewal.again)->network);
}

/* Between the attempts configurations come and go: each is a look at all that live then. */
static void attempt(mp_network *network) {
    mp_tls_renewal *renewal = &network->tls->renewal;
    mp_tls_configuration *one = NULL;
    bool last = renewal->attempts++ == MP_TLS_ATTEMPTS, again = false;
    while ((one = mp_tls_next_configuration(network, one))) {
        mp_tls_message message;
        if (reread(network, one, NULL, &message) != MP_TLS_UNUSABLE)
            continue;
        char names[300];
        again = true;
        describe(one, names, sizeof names);
        if (last)
            mp_log(network->loop.log_level, MP_LOG_WARNING,
                   "TLS: %s: the new files can't be used, the old ones stay: %s", names, message.text);
    }
    if (again && !last) {
        mp_delay_start(&renewal->again, &network->loop, MP_TLS_ATTEMPT_PAUSE, on_again);
        return;
    }
    void (*done)(void *owner) = renewal->done;
    renewal->done = NULL;
    done(renewal->owner);
}

void mp_tls_refresh_all(mp_network *network, void (*done)(void *owner), void *owner) {
    if (!network->tls) {
        done(owner);
        return;
    }
    mp_tls_stop_refreshing(network);
    mp_tls_look_at_roots(network->tls);
    network->tls->renewal.attempts = 0;
    network->tls->renewal.done = done;
    network->tls->renewal.owner = owner;
    attempt(network);
}

void mp_tls_stop_refreshing(mp_network *network) {
    if (!network->tls)
        return;
    mp_delay_stop(&network->tls->renewal.again, &network->loop);
    network->tls->renewal.done = NULL;
}
