/*
 * Warnings of certificates that end: one a day for each, however often it is used, and none before its time.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/network.h"
#include "tls/validity.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

enum { DAY = 86400, BEGIN = 1700000000 };

static const mp_upcalls loop_upcalls;
static const mp_network_upcalls upcalls;
static mp_network *network;
static mp_tls_shared *shared;
static int pipe_ends[2], errors;

static int set_up(void **state) {
    (void)state;
    return mp_network_new(&loop_upcalls, &upcalls, NULL, &network) < 0 ||
           !(shared = mp_tls_shared_of(network));
}

static int tear_down(void **state) {
    (void)state;
    mp_network_free(network);
    return 0;
}

/* A certificate for these names that is valid from BEGIN for so many days. */
static X509 *certificate(const char *names, int days) {
    X509 *made = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509V3_CTX context;
    assert_non_null(key);
    ASN1_INTEGER_set(X509_get_serialNumber(made), days);
    X509_set_version(made, 2);
    ASN1_TIME_set(X509_getm_notBefore(made), BEGIN);
    ASN1_TIME_set(X509_getm_notAfter(made), BEGIN + (time_t)days * DAY);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)"subject", -1, -1, 0);
    if (names) {
        X509V3_set_ctx(&context, made, made, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
        assert_non_null(extension);
        X509_add_ext(made, extension, -1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    return made;
}

/* What the log says from now on goes to `told`. */
static void begin_log(void) {
    assert_int_equal(pipe(pipe_ends), 0);
    errors = dup(STDERR_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
}

static void end_log(char *told, size_t size) {
    dup2(errors, STDERR_FILENO);
    close(errors);
    close(pipe_ends[1]);
    ssize_t n = read(pipe_ends[0], told, size - 1);
    told[n > 0 ? n : 0] = '\0';
    close(pipe_ends[0]);
}

/* How many lines so many days behind BEGIN bring. */
static int warnings(X509 *one, double days, const char *words) {
    char told[2000];
    int count = 0;
    begin_log();
    mp_tls_warn_of_dates(shared, one, BEGIN + (int64_t)(days * DAY));
    end_log(told, sizeof told);
    for (const char *at = told; (at = strstr(at, "warning TLS: ")); at++)
        count++;
    assert_true(count == 0 || strstr(told, words));
    return count;
}

TEST(one_warning_a_day_in_the_last_fourteen) {
    X509 *one = certificate("DNS:a.example", 90);
    const char *words = "TLS: a.example: the certificate is valid only until 2024-02-12";
    assert_int_equal(warnings(one, 75, words), 0);
    for (int day = 77; day < 90; day++) {
        assert_int_equal(warnings(one, day, words), 1);
        assert_int_equal(warnings(one, day + 0.5, words), 0);
    }
    assert_int_equal(warnings(one, 90, "has expired, it was valid until 2024-02-12"), 1);
    assert_int_equal(warnings(one, 90.5, ""), 0);
    assert_int_equal(warnings(one, 91, "has expired"), 1);
    X509_free(one);
}

TEST(another_certificate_has_warnings_of_its_own) {
    X509 *one = certificate("DNS:a.example", 10), *other = certificate("DNS:b.example", 11);
    assert_int_equal(warnings(one, 1, "a.example"), 1);
    assert_int_equal(warnings(other, 1, "b.example"), 1);
    assert_int_equal(warnings(one, 1, ""), 0);
    X509_free(one);
    X509_free(other);
}

TEST(a_certificate_that_comes_later_is_told_of) {
    X509 *one = certificate("DNS:a.example", 90);
    assert_int_equal(warnings(one, -1, "is not valid before 2023-11-14"), 1);
    assert_int_equal(warnings(one, 0, ""), 0);
    X509_free(one);
}

TEST(names_are_told_in_few_words) {
    char text[100], cut[10];
    X509 *one = certificate("DNS:a,DNS:b,email:x@y.example,IP:127.0.0.1,DNS:c,DNS:d,DNS:e,DNS:f", 1);
    mp_tls_describe_certificate(one, text, sizeof text);
    assert_string_equal(text, "a, b, 127.0.0.1, c, d and 2 more");
    mp_tls_describe_certificate(one, cut, sizeof cut);
    assert_string_equal(cut, "a, b, 127");
    X509_free(one);
    one = certificate(NULL, 1);
    mp_tls_describe_certificate(one, text, sizeof text);
    assert_string_equal(text, "CN = subject");
    X509_free(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_warning_a_day_in_the_last_fourteen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_certificate_has_warnings_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_that_comes_later_is_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_told_in_few_words, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
