/*
 * The decisions of a handshake; see handshake.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/handshake.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/stream_transport.h"
#include "net/tcp_server.h"
#include "resolver/name.h"
#include "tls/keylog.h"
#include "tls/offers.h"
#include "tls/stapling.h"
#include "tls/tickets.h"

static mp_stream *stream_of(const mp_tls_session *session) {
    return session->owner;
}

static mp_ssl_extras *extras_of(const mp_tls_session *session) {
    return mp_ssl_extras_of(session->owner);
}

/* --- whom to let in ------------------------------------------------------------------------------------- */

static void keep_chain(mp_ssl_extras *extras, STACK_OF(X509) * chain) {
    sk_X509_pop_free(extras->peer_chain, X509_free);
    extras->peer_chain = chain ? X509_chain_up_ref(chain) : NULL;
}

/* The SslServer whose client it is, or NULL. */
static mp_tcp_server *ssl_server_of(const mp_stream *stream) {
    mp_tcp_server *server = mp_stream_server(stream);
    return server && mp_kind_is(server->object.behaviour->kind, MP_SSL_SERVER) ? server : NULL;
}

void mp_tls_find_handlers(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_tcp_server *server = extras->session->mode == MP_SSL_SERVER_MODE ? ssl_server_of(stream) : NULL;
    const mp_network_upcalls *upcalls = mp_stream_network(stream)->upcalls;
    extras->has_namer = server && upcalls->has_handler((mp_object *)server, MP_SIGNAL_SERVER_NAME_REQUESTED);
    extras->has_judge = upcalls->has_handler(&stream->object, MP_SIGNAL_SSL_ERRORS);
}

static int refuse(mp_tls_session *session, X509_STORE_CTX *context, int fault) {
    mp_tls_set_text(stream_of(session), "%s", mp_tls_error_text(fault));
    X509_STORE_CTX_set_error(context, fault);
    return 0;
}

/* A session remembers what was overlooked: its ticket lets nobody in whom that wouldn't. */
static int let_in(const mp_ssl_extras *extras, X509_STORE_CTX *context) {
    bool flawless = !extras->errors || extras->errors->count == 0;
    X509_STORE_CTX_set_error(context, flawless ? X509_V_OK : extras->errors->list[0].number);
    return 1;
}

/* The name that the peer's certificate must have: in ASCII, as it stands there. "." is nobody's: where there
   is no name, or one that no host can have. To OpenSSL no name means any, and a dot in front any name
   below. */
static const char *expected_name(mp_stream *stream, char folded[MP_NAME_SIZE]) {
    int result = mp_name_fold(folded, mp_ssl_socket_verify_name((mp_ssl_socket *)stream));
    return result < 0 || folded[0] == '\0' || folded[0] == '.' ? "." : folded;
}

static void expect_name(X509_STORE_CTX *context, mp_stream *stream) {
    char folded[MP_NAME_SIZE];
    const char *name = expected_name(stream, folded);
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) != 1)
        (void)X509_VERIFY_PARAM_set1_host(parameters, name, 0);
    ERR_clear_error();
}

/* The chain is verified once, with all that is wrong. A client's handshake waits for the handlers; a server
   goes on and asks them behind it, since OpenSSL can't wait there. */
static int verify(mp_tls_session *session, X509_STORE_CTX *context) {
    mp_stream *stream = stream_of(session);
    mp_ssl_extras *extras = extras_of(session);
    enum mp_tls_verify_mode mode = mp_ssl_verify_mode(extras);
    if (extras->verdict == VERDICT_ACCEPTED)
        return let_in(extras, context);
    if (extras->verdict == VERDICT_REFUSED)
        return refuse(session, context, mp_tls_first_fault(extras));
    keep_chain(extras, X509_STORE_CTX_get0_untrusted(context));
    if (mode == MP_VERIFY_NONE)
        return let_in(extras, context);
    if (!mp_tls_fresh_errors(extras))
        return refuse(session, context, X509_V_ERR_OUT_OF_MEM);
    if (session->mode == MP_SSL_CLIENT_MODE)
        expect_name(context, stream);
    mp_tls_verify(context, extras->errors);
    int fault = mp_tls_first_fault(extras);
    if (fault == 0 && extras->errors->count == 0)
        return let_in(extras, context);
    if (!extras->has_judge)
        return fault == 0 || mode == MP_QUERY_PEER ? let_in(extras, context)
                                                   : refuse(session, context, fault);
    extras->verdict = VERDICT_DUE;
    if (session->mode == MP_SSL_SERVER_MODE)
        return let_in(extras, context);
    return SSL_set_retry_verify(session->ssl);
}

void mp_tls_judge(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (extras->verdict != VERDICT_DUE || !extras->session)
        return;
    bool blocked = stream->object.blocked;
    /* Nobody knows of a connection whose handshake goes on, but for this. */
    stream->object.blocked = stream->object.muted = blocked && !stream->entering;
    if (mp_loop_wants(&stream->object, MP_SIGNAL_SSL_ERRORS))
        stream->object.loop->upcalls->emit(&stream->object, MP_SIGNAL_SSL_ERRORS, 0);
    if (stream->entering)
        stream->object.blocked = blocked;
    if (extras->verdict == VERDICT_DUE) /* a handler may have begun another connection */
        extras->verdict = VERDICT_ASKED;
    mp_tls_judged(stream);
}

void mp_tls_judged(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (extras->verdict != VERDICT_ASKED || extras->judges > 0)
        return;
    bool enters = mp_tls_first_fault(extras) == 0 ||
                  (extras->session && mp_ssl_verify_mode(extras) == MP_QUERY_PEER);
    extras->verdict = enters ? VERDICT_ACCEPTED : VERDICT_REFUSED;
    if (extras->session)
        mp_stream_end_suspension(stream);
}

/* A server asked for a certificate and got none; a client has resumed a session, whose certificate may be
   that of another name. */
static void look_at_peer(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    const SSL *ssl = extras->session->ssl;
    char folded[MP_NAME_SIZE];
    bool client = extras->session->mode == MP_SSL_CLIENT_MODE, resumed = SSL_session_reused(ssl);
    mp_certificate *certificate = SSL_get0_peer_certificate(ssl);
    int fault = 0;
    if (!client && !certificate)
        fault = MP_TLS_NO_PEER_CERTIFICATE;
    else if (client && certificate && resumed &&
             !mp_certificate_answers_to(certificate, expected_name(stream, folded)))
        fault = X509_V_ERR_HOSTNAME_MISMATCH;
    else if (resumed && certificate)
        fault = (int)SSL_get_verify_result(ssl);
    if (fault == 0)
        return;
    if (!mp_tls_fresh_errors(extras)) {
        extras->verdict = VERDICT_REFUSED;
        return;
    }
    mp_tls_errors_add(extras->errors, fault, certificate);
    if (mp_tls_first_fault(extras) != 0)
        extras->verdict = extras->has_judge ? VERDICT_DUE : VERDICT_REFUSED;
}

uint8_t mp_tls_conclude(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (extras->verdict == VERDICT_NONE && mp_ssl_verify_mode(extras) == MP_VERIFY_PEER)
        look_at_peer(stream);
    if (extras->verdict == VERDICT_DUE) {
        mp_object_defer(&stream->object, STEP_JUDGE);
        return MP_TRANSPORT_SUSPENDED;
    }
    if (extras->verdict == VERDICT_ASKED)
        return MP_TRANSPORT_SUSPENDED;
    if (extras->verdict == VERDICT_REFUSED) {
        int fault = mp_tls_first_fault(extras);
        mp_tls_set_text(stream, "%s", mp_tls_error_text(fault ? fault : X509_V_ERR_OUT_OF_MEM));
        return MP_TRANSPORT_BROKEN;
    }
    if (!extras->peer_chain && SSL_get0_peer_certificate(extras->session->ssl)) { /* of a resumed session */
        extras->peer_chain = sk_X509_new_null();
        if (extras->peer_chain)
            X509_add_cert(extras->peer_chain, SSL_get0_peer_certificate(extras->session->ssl),
                          X509_ADD_FLAG_UP_REF);
    }
    return MP_TRANSPORT_BYTES;
}

/* --- whom to be ----------------------------------------------------------------------------------------- */

/* The name in the extension server_name (RFC 6066, 3); NULL: there is none, or not one name of a host. */
static char *requested_name(SSL *ssl, bool *sound) {
    const unsigned char *data;
    size_t size;
    *sound = true;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size))
        return NULL;
    *sound = size > 5 && (size_t)(data[0] << 8 | data[1]) == size - 2 && data[2] == TLSEXT_NAMETYPE_host_name;
    size_t length = *sound ? (size_t)(data[3] << 8 | data[4]) : 0;
    *sound = *sound && length > 0 && length <= 255 && length + 5 <= size && !memchr(data + 5, 0, length);
    return *sound ? strndup((const char *)data + 5, length) : NULL;
}

static void say_who_is_missing(const mp_tls_session *session, const mp_tls_configuration *configuration) {
    const char *name = extras_of(session)->server_name;
    if (configuration)
        mp_tls_set_text(stream_of(session), "The configuration for the name '%s' has no certificate",
                        name ? name : "");
    else if (name)
        mp_tls_set_text(stream_of(session), "Nobody answers to the name '%s'", name);
    else
        mp_tls_set_text(stream_of(session), "The client asks for no name");
}

static int answer(mp_tls_session *session, mp_tls_configuration *configuration, const char *name,
                  int *alert) {
    bool usable = configuration && mp_tls_configuration_can_serve(configuration);
    *alert = configuration ? SSL_AD_INTERNAL_ERROR : SSL_AD_UNRECOGNIZED_NAME;
    if (!usable)
        say_who_is_missing(session, configuration);
    if (!usable)
        return SSL_CLIENT_HELLO_ERROR;
    enum mp_tls_verify_mode mode = mp_tls_configuration_options(configuration)->verify_mode;
    if (mode == MP_AUTO_VERIFY_PEER)
        mode = MP_VERIFY_NONE;
    /* Whom it trusts is part of the rule that tickets are for. */
    if ((mode != MP_VERIFY_NONE && !mp_tls_configuration_trust(configuration)) ||
        !mp_tls_session_use(session, configuration, name))
        return SSL_CLIENT_HELLO_ERROR;
    int asks = mode == MP_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
    if (mode == MP_VERIFY_PEER && !extras_of(session)->has_judge && !extras_of(session)->ignored_count &&
        !extras_of(session)->ignore_all)
        asks |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_set_verify(session->ssl, asks, NULL);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* What the names of a client are looked up in: a connection that was encrypted later has its own. */
static mp_tls_configuration *base_of(const mp_stream *stream) {
    mp_tls_configuration *base = stream->entering
                                     ? stream->listener->entrance->configuration(mp_stream_server(stream))
                                     : NULL;
    return base ? base : mp_ssl_extras_of(stream)->session->configuration;
}

static int hello(mp_tls_session *session, int *alert) {
    mp_ssl_extras *extras = extras_of(session);
    mp_stream *stream = stream_of(session);
    bool sound, exactly;
    if (extras->naming == NAMING_NOBODY)
        return answer(session, NULL, extras->server_name, alert);
    if (extras->naming == NAMING_ANSWERED) {
        *alert = SSL_AD_INTERNAL_ERROR;
        if (extras->answer)
            return answer(session, extras->answer, extras->server_name, alert);
        mp_tls_set_text(stream, "serverNameRequested gave no configuration for the name '%s'",
                        extras->server_name);
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (extras->naming == NAMING_ASKED)
        return SSL_CLIENT_HELLO_RETRY;
    free(extras->server_name);
    extras->server_name = requested_name(session->ssl, &sound);
    if (!sound) {
        *alert = SSL_AD_DECODE_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    const char *name = extras->server_name;
    mp_tls_configuration *found = mp_tls_configuration_for_name(base_of(stream), name, &exactly);
    if (!exactly && name && extras->has_namer) {
        extras->naming = NAMING_ASKED;
        mp_object_defer(&stream->object, STEP_ASK);
        return SSL_CLIENT_HELLO_RETRY;
    }
    return answer(session, found, exactly ? name : "", alert);
}

void mp_tls_ask_for_name(mp_stream *stream) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    mp_tcp_server *server = ssl_server_of(stream);
    if (!extras->session || extras->naming != NAMING_ASKED)
        return;
    if (server)
        mp_stream_network(stream)->upcalls->name_requested(server, stream, extras->server_name);
    else
        mp_tls_answer_default(stream); /* another server has taken its listener over */
}

void mp_tls_answer(mp_stream *stream, mp_tls_configuration *configuration, enum mp_naming naming) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (!extras || !extras->session || extras->naming != NAMING_ASKED)
        return;
    if (configuration)
        mp_tls_configuration_reference(configuration);
    mp_tls_configuration_unreference(extras->answer);
    extras->answer = configuration;
    extras->naming = (uint8_t)naming;
    mp_stream_end_suspension(stream);
}

void mp_tls_answer_default(mp_stream *stream) {
    const mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    bool exactly;
    if (!extras || !extras->session)
        return;
    mp_tls_configuration *found = mp_tls_configuration_for_name(base_of(stream), extras->server_name,
                                                                &exactly);
    mp_tls_answer(stream, found, found ? NAMING_ANSWERED : NAMING_NOBODY);
}

bool mp_tls_give_up_name(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    if (!extras->session || extras->naming != NAMING_ASKED)
        return false;
    extras->naming = NAMING_ANSWERED;
    mp_log(stream->object.loop->log_level, MP_LOG_WARNING,
           "serverNameRequested has not answered in time for '%s'", extras->server_name);
    mp_stream_end_suspension(stream);
    return true;
}

/* --- tickets and keys ----------------------------------------------------------------------------------- */

static int ticket(mp_tls_session *session, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  EVP_MAC_CTX *mac, int seals) {
    const mp_tls_ticket_keys *keys = mp_tls_configuration_ticket_keys(session->configuration);
    int64_t timeout = mp_tls_configuration_options(session->configuration)->session_timeout;
    return mp_tls_ticket_key_for(session->shared, keys, timeout, name, iv, cipher, mac, seals);
}

static int given(mp_tls_session *session, SSL_SESSION *fresh) {
    mp_stream *stream = stream_of(session);
    mp_ssl_extras *extras = extras_of(session);
    if (session->mode != MP_SSL_CLIENT_MODE)
        return 0;
    mp_tls_session_mark(session, fresh);
    SSL_SESSION_free(extras->ticket);
    extras->ticket = fresh;
    if (mp_loop_wants(&stream->object, MP_SIGNAL_NEW_TICKET))
        mp_object_emit(&stream->object, MP_SIGNAL_NEW_TICKET, 0);
    return 1;
}

static void alert(mp_tls_session *session, bool sent, int level, int description) {
    mp_stream *stream = stream_of(session);
    session->told |= sent && (level == SSL3_AL_FATAL || description == SSL_AD_CLOSE_NOTIFY);
    session->parted |= !sent && description == SSL_AD_CLOSE_NOTIFY &&
                       (level == SSL3_AL_WARNING || SSL_version(session->ssl) == TLS1_3_VERSION);
    enum mp_signal signal = sent ? MP_SIGNAL_ALERT_SENT : MP_SIGNAL_ALERT_RECEIVED;
    if (mp_loop_wants(&stream->object, signal))
        mp_object_emit(&stream->object, signal, level << 8 | description);
}

static void key_line(mp_tls_session *session, const char *line) {
    mp_tls_shared *shared = session->shared;
    if (shared->keylog)
        mp_tls_keylog_add(shared->keylog, shared->network->loop.log_level, line);
}

const mp_tls_hooks mp_tls_handshake_hooks = {
    hello, verify,        mp_tls_choose_protocol, ticket,
    given, mp_tls_status, mp_tls_key_of_identity, mp_tls_first_identity,
    alert, key_line};

/* --- a client ------------------------------------------------------------------------------------------- */

int mp_tls_prepare_client(mp_stream *stream) {
    mp_ssl_extras *extras = mp_ssl_extras_of(stream);
    SSL *ssl = extras->session->ssl;
    char host[MP_NAME_SIZE];
    mp_address address;
    int folded = mp_name_fold(host, mp_ssl_socket_verify_name((mp_ssl_socket *)stream));
    size_t length = folded == 0 ? strlen(host) : 0;
    bool verifies = mp_ssl_verify_mode(extras) != MP_VERIFY_NONE;
    if (verifies && !mp_tls_configuration_trust(extras->session->configuration))
        return -ENOMEM;
    SSL_set_verify(ssl, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (length > 0 && mp_address_parse(&address, host, length) < 0) {
        if (host[length - 1] == '.')
            host[length - 1] = '\0';
        if (host[0] != '\0' && SSL_set_tlsext_host_name(ssl, host) != 1)
            return -ENOMEM;
    }
    if (verifies && mp_tls_configuration_options(extras->session->configuration)->ocsp_stapling)
        return SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp) == 1 ? 0 : -ENOMEM;
    if (extras->ticket)
        mp_tls_session_offer(extras->session, extras->ticket, verifies);
    return 0;
}
