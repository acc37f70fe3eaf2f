/*
 * Host names in the form in which they are asked: folded, and internationalised ones in ASCII.
 * name_without_idn_test is the same file for a build without libidn2.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "resolver/name.h"

#ifdef MOONPORT_IDN
#define IDN(value) value
#else
#define IDN(value) NULL
#endif

static const struct {
    const char *name, *folded; /* folded NULL: not supported */
} rows[] = {
    {"", ""},
    {"Example.ORG.", "example.org."},
    {"a_b.test", "a_b.test"},
    {"xn--bcher-kva.test", "xn--bcher-kva.test"},
    {"b\303\274cher.test", IDN("xn--bcher-kva.test")},
    {"B\303\234CHER.test.", IDN("xn--bcher-kva.test.")},
    {"bu\314\210cher.test", IDN("xn--bcher-kva.test")},                    /* not composed */
    {"fa\303\237.test", IDN("xn--fa-hia.test")},                           /* IDNA2008, not 2003's "fass" */
    {"\344\276\213\343\201\210\343\200\202test", IDN("xn--r8jz45g.test")}, /* with an ideographic full stop */
    {"_b\303\274.test", IDN("xn--_b-yka.test")},
    {"\377\376.test", IDN("")},                   /* not UTF-8 */
    {"a\342\200\213b\342\200\250.test", IDN("")}, /* a line separator */
};

static void folds_names(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char folded[MP_NAME_SIZE] = "unchanged";
        int result = mp_name_fold(folded, rows[i].name);
        assert_int_equal(result, rows[i].folded ? 0 : -ENOTSUP);
        if (rows[i].folded)
            assert_string_equal(folded, rows[i].folded);
    }
}

static void cuts_names_that_are_too_long(void **state) {
    static char name[1 << 20];
    char folded[MP_NAME_SIZE];
    (void)state;
    memset(name, 'A', sizeof name - 1);
    assert_int_equal(mp_name_fold(folded, name), 0);
    assert_int_equal(strlen(folded), MP_NAME_SIZE - 1);
#ifdef MOONPORT_IDN
    name[0] = '\303';
    name[1] = '\274';
    assert_int_equal(mp_name_fold(folded, name), 0);
    assert_string_equal(folded, "");
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_names),
        cmocka_unit_test(cuts_names_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
