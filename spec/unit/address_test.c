/*
 * Host addresses. The tables expect what QHostAddress does, unless the name of a test says otherwise. A table
 * is a string of words; two blanks separate the groups. "-" is the empty text.
 *
 * Longer than 400 lines: a table beside the other.
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/address.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Long enough for each word. */
typedef char word[96];

/* Takes the next word from *table; false at the end of it. */
static bool next(const char **table, word text) {
    const char *start = *table + strspn(*table, " ");
    size_t length = strcspn(start, " ");

    assert_true(length < sizeof(word));
    memcpy(text, start, length);
    text[length] = '\0';
    *table = start + length;
    if (strcmp(text, "-") == 0)
        text[0] = '\0';
    return length > 0;
}

static int next_int(const char **table) {
    word text;
    assert_true(next(table, text));
    return (int)strtol(text, NULL, 10);
}

/* Parses a copy of exactly that size, so that AddressSanitizer sees a read past its end. */
static int parse(mp_address *address, const char *text, size_t length) {
    char *copy = malloc(length ? length : 1);

    assert_non_null(copy);
    memcpy(copy, text, length);
    int result = mp_address_parse(address, copy, length);
    free(copy);
    return result;
}

/* The address for a valid text; the empty text gives Null. */
static mp_address address_of(const char *text) {
    mp_address address;

    if (*text == '\0')
        mp_address_set_null(&address);
    else if (parse(&address, text, strlen(text)) != 0)
        fail_msg("'%s' is no address", text);
    return address;
}

static mp_address next_address(const char **table) {
    word text;
    assert_true(next(table, text));
    return address_of(text);
}

static void assert_formats_as(const mp_address *address, const char *expected) {
    char text[MP_ADDRESS_TEXT];
    size_t length = mp_address_format(address, text);

    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

/* Pairs of a text and the text that its address is written as. */
static void assert_parses(const char *table, int protocol) {
    word text, expected;
    while (next(&table, text) && next(&table, expected)) {
        mp_address address = address_of(text);
        assert_int_equal(address.protocol, protocol);
        assert_int_equal(address.scope_id, 0);
        assert_formats_as(&address, expected);
    }
}

static void assert_no_address(const char *text, size_t length) {
    mp_address address = address_of("1.2.3.4");
    if (parse(&address, text, length) != -EINVAL)
        fail_msg("'%s' is taken for an address", text);
    assert_true(mp_address_is_null(&address));
    assert_formats_as(&address, "");
}

static void assert_no_addresses(const char *table) {
    word text;
    while (next(&table, text))
        assert_no_address(text, strlen(text));
}

TEST(parses_ipv4_in_every_form_of_inet_aton) {
    assert_parses("1.2.3.4 1.2.3.4  0.0.0.0 0.0.0.0  255.255.255.255 255.255.255.255  127.1 127.0.0.1  "
                  "1 0.0.0.1  0 0.0.0.0  1.2.3 1.2.0.3  1.2.65535 1.2.255.255  1.16777215 1.255.255.255  "
                  "4294967295 255.255.255.255  0x7f000001 127.0.0.1  0X7F.1 127.0.0.1  "
                  "0xff.0xFf.0xff.0xff 255.255.255.255  010.0.0.1 8.0.0.1  0377.1.1.1 255.1.1.1  "
                  "01.02.03.04 1.2.3.4  00000000000000000000000000000000000000000000000000000000001 0.0.0.1",
                  MP_PROTOCOL_IPV4);
}

TEST(parses_and_formats_ipv6) {
    assert_parses(":: ::  ::1 ::1  ::0001 ::1  0:0:0:0:0:0:0:0 ::  FE80::ABCD fe80::abcd  "
                  "2001:db8:0:1:1:1:1:1 2001:db8:0:1:1:1:1:1  1:0:0:2:0:0:0:3 1:0:0:2::3  "
                  "0:2:0:0:5:0:0:8 0:2::5:0:0:8  0:0:3:4:5:6:0:0 ::3:4:5:6:0:0  "
                  "1::3:4:5:6:7:8 1:0:3:4:5:6:7:8  1:2:3:4:5:6:7:: 1:2:3:4:5:6:7:0  "
                  "::2:3:4:5:6:7:8 0:2:3:4:5:6:7:8  1111:2222:3333:4444:5555:6666:255.255.255.255 "
                  "1111:2222:3333:4444:5555:6666:ffff:ffff  ::ffff:1.2.3.4 ::ffff:1.2.3.4  "
                  "::ffff:7f00:1 ::ffff:127.0.0.1  ::ffff:0:0 ::ffff:0.0.0.0  ::1.2.3.4 ::1.2.3.4  "
                  "::0.0.0.1 ::1  64:ff9b::1.2.3.4 64:ff9b::102:304  ::ffff:0:1.2.3.4 ::ffff:0:102:304",
                  MP_PROTOCOL_IPV6);
}

TEST(parses_any_which_qt_has_no_word_for) {
    assert_parses("any 0.0.0.0", MP_PROTOCOL_ANY);
}

TEST(refuses_what_is_no_literal_and_leaves_null) {
    assert_no_addresses(
        "- localhost * ANY any. 256.1.1.1 1.256.1.1 1.2.3.256 1.2.65536 1.16777216 4294967296 "
        "0x100000000 99999999999999999999999999 0x 1.2.3.0x 08.1 1. 1..2 .1 1.2.3.4. 1.2.3.4.5 "
        "1.2.3.4:80 1.2.3.4/8 -1 1.2.3.4%lo [::1] : ::: ::1:: 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8: "
        "1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7::8 12345:: ::00001 ::g ::ffff:1.2.3 ::ffff:1.2.3.256 "
        "::ffff:01.2.3.4 ::ffff:0x1.2.3.4 1:2:3:4:5:6:7:1.2.3.4 ::1.2.3.4:5 %1 %lo ::1%lo%lo "
        "\302\2401.2.3.4 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111");
}

/* Qt's number conversion accepts most of these; inet_aton doesn't. */
TEST(refuses_signs_and_binary_numbers_and_unknown_scopes_unlike_qt) {
    assert_no_addresses("+1 1.+2 0b1 ::0x7f fe80::1% fe80::1%nosuchif fe80::1%longer-than-any-interface");
}

TEST(ignores_blanks_around_an_address_but_not_inside) {
    mp_address address = address_of(" \t\n\v\f\r1.2.3.4\r\f\v\n\t ");
    assert_formats_as(&address, "1.2.3.4");
    address = address_of(" ::1\n");
    assert_formats_as(&address, "::1");
    assert_no_address("   ", 3);
    assert_no_address("1.2.3.4 5", 9);
    assert_no_address("1. 2", 4);
    assert_no_address(":: 1", 4);
}

TEST(refuses_nuls_wherever_they_are) {
    char text[] = "127.0.0.1";
    mp_address address;
    for (size_t at = 0; at < sizeof text; at++) {
        memcpy(text, "127.0.0.1", sizeof text);
        text[at] = '\0';
        assert_no_address(text, sizeof text);
    }
    assert_no_address("::1%\0lo", 7);
    assert_int_equal(mp_address_parse(&address, NULL, 0), -EINVAL);
}

TEST(takes_a_scope_by_name_or_index) {
    unsigned loopback = if_nametoindex("lo");
    mp_address address = address_of("fe80::1%4000000000");
    char text[MP_ADDRESS_TEXT];
    assert_int_equal(address.scope_id, 4000000000u);
    assert_formats_as(&address, "fe80::1%4000000000");
    address = address_of("fe80::1%0");
    assert_formats_as(&address, "fe80::1");
    if (loopback == 0)
        skip();
    address = address_of("fe80::1%lo");
    assert_int_equal(address.scope_id, loopback);
    snprintf(text, sizeof text, "fe80::1%%%u", loopback);
    address = address_of(text);
    assert_formats_as(&address, "fe80::1%lo");
}

TEST(compares_strictly_but_for_the_scope) {
    const char *rows = "- any 0.0.0.0 :: 127.0.0.1 ::1 127.0.0.2 ::ffff:127.0.0.1 ::127.0.0.1 0.0.0.1";
    mp_address scoped = address_of("fe80::1%1"), other = address_of("fe80::1%2");
    word row, column;
    assert_true(mp_address_equal(&scoped, &other));
    for (const char *a = rows; next(&a, row);) {
        for (const char *b = rows; next(&b, column);) {
            mp_address first = address_of(row), second = address_of(column);
            bool same = strcmp(row, column) == 0;
            assert_int_equal(mp_address_equal(&first, &second), same);
            assert_int_equal(mp_address_is_equal(&first, &second, MP_CONVERT_STRICT), same);
        }
    }
}

TEST(converts_as_the_mode_says_before_it_compares) {
    static const struct {
        unsigned modes; /* each of them makes the pairs equal */
        const char *pairs;
    } cases[] = {
        {MP_CONVERT_V4_MAPPED, "1.2.3.4 ::ffff:1.2.3.4  1.2.3.4 ::ffff:1.2.3.4%1  0.0.0.0 ::ffff:0.0.0.0"},
        {MP_CONVERT_V4_COMPAT, "1.2.3.4 ::1.2.3.4  0.0.0.2 ::0.0.0.2  127.0.0.1 ::127.0.0.1"},
        {MP_CONVERT_V4_COMPAT | MP_CONVERT_UNSPECIFIED, "0.0.0.0 ::"},
        {MP_CONVERT_UNSPECIFIED, "any 0.0.0.0  any ::"},
        {MP_CONVERT_LOCAL_HOST, "127.0.0.1 ::1"},
        {0,
         "127.0.0.2 ::1  0.0.0.1 ::1  1.2.3.4 ::ffff:1.2.3.5  1.2.3.4 ::fffe:1.2.3.4  - any  - ::  "
         "- 0.0.0.0  ::1.2.3.4 ::ffff:1.2.3.4  ::1 ::ffff:127.0.0.1  any ::ffff:0:0  any 127.0.0.1  any ::1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (const char *pairs = cases[i].pairs; *pairs;) {
            mp_address a = next_address(&pairs), b = next_address(&pairs);
            for (unsigned mode = 0; mode < 16; mode++) {
                bool expected = mode & cases[i].modes;
                assert_int_equal(mp_address_is_equal(&a, &b, mode), expected);
                assert_int_equal(mp_address_is_equal(&b, &a, mode), expected);
                assert_true(mp_address_is_equal(&a, &a, mode));
            }
            assert_int_equal(mp_address_is_equal(&a, &b, MP_CONVERT_TOLERANT), cases[i].modes != 0);
        }
    }
}

TEST(converts_to_ipv4_what_has_one) {
    const char *table = "1.2.3.4 1.2.3.4  ::ffff:1.2.3.4 1.2.3.4  any 0.0.0.0  :: 0.0.0.0  0.0.0.0 0.0.0.0  "
                        "- -  ::1 -  ::1.2.3.4 -  fe80::1 -";
    while (*table) {
        mp_address address = next_address(&table), expected = next_address(&table), ipv4;
        uint32_t number = 99;
        bool converts = !mp_address_is_null(&expected);
        assert_int_equal(mp_address_to_ipv4(&address, &number), converts ? 0 : -EINVAL);
        mp_address_set_ipv4(&ipv4, number);
        assert_true(converts ? mp_address_equal(&ipv4, &expected) : number == 0);
    }
}

TEST(unmaps_what_is_mapped_and_nothing_else) {
    const char *table =
        "::ffff:1.2.3.4 1.2.3.4  ::ffff:0.0.0.0 0.0.0.0  1.2.3.4 1.2.3.4  any any  - -  :: ::  "
        "::1.2.3.4 ::1.2.3.4  ::fffe:1.2.3.4 ::fffe:1.2.3.4  1::ffff:1.2.3.4 1::ffff:1.2.3.4";
    while (*table) {
        mp_address address = next_address(&table), expected = next_address(&table);
        mp_address_unmap(&address);
        assert_true(mp_address_equal(&address, &expected));
    }
}

TEST(converts_to_ipv6_by_mapping) {
    const char *table = "1.2.3.4 ::ffff:1.2.3.4  0.0.0.0 ::  any ::  - ::  fe80::1%1 fe80::1";
    while (*table) {
        mp_address address = next_address(&table), expected = next_address(&table), ipv6;
        uint8_t bytes[16];
        mp_address_to_ipv6(&address, bytes);
        mp_address_set_ipv6(&ipv6, bytes);
        assert_true(mp_address_equal(&ipv6, &expected) && ipv6.scope_id == 0);
    }
}

TEST(goes_through_a_sockaddr) {
    const char *table = "1.2.3.4 1.2.3.4  ::1%77 ::1%77  ::ffff:1.2.3.4 ::ffff:1.2.3.4  any ::  - 0.0.0.0";
    while (*table) {
        mp_address address = next_address(&table), expected = next_address(&table), back;
        struct sockaddr_storage storage;
        uint16_t port = 0;
        socklen_t length = mp_address_to_sockaddr(&address, 50123, &storage);
        assert_int_equal(mp_address_from_sockaddr(&back, &port, (struct sockaddr *)&storage), 0);
        assert_int_equal(port, 50123);
        assert_true(mp_address_equal(&back, &expected) && back.scope_id == expected.scope_id);
        bool ipv4 = back.protocol == MP_PROTOCOL_IPV4;
        assert_int_equal(storage.ss_family, ipv4 ? AF_INET : AF_INET6);
        assert_int_equal(length, ipv4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_int_equal(mp_address_from_sockaddr(&back, NULL, (struct sockaddr *)&storage), 0);
    }
}

TEST(refuses_a_sockaddr_of_another_family) {
    mp_address address = address_of("::1");
    uint16_t port = 7;
    assert_int_equal(mp_address_from_sockaddr(&address, &port, &(struct sockaddr){AF_UNIX, ""}),
                     -EAFNOSUPPORT);
    assert_true(mp_address_is_null(&address));
    assert_int_equal(port, 0);
}

/* The position of a class's bit is the index of its question. */
static bool (*const questions[])(const mp_address *) = {
    mp_address_is_loopback,    mp_address_is_multicast,  mp_address_is_broadcast,
    mp_address_is_link_local,  mp_address_is_site_local, mp_address_is_unique_local_unicast,
    mp_address_is_private_use, mp_address_is_global};

TEST(classifies_addresses) {
    static const struct {
        unsigned classes;
        const char *addresses;
    } cases[] = {
        {0, "- any 0.0.0.0 0.255.255.255 240.0.0.0 255.255.255.254 :: ::ffff:0.0.0.0 fe00:: fe7f::"},
        {MP_ADDRESS_LOOPBACK, "127.0.0.0 127.255.255.255 ::1 ::1%1 ::ffff:127.3.2.1"},
        {MP_ADDRESS_MULTICAST, "224.0.0.0 239.255.255.255 ff00:: ff02::1 ff0e::1 ffff:: ::ffff:224.0.0.1"},
        {MP_ADDRESS_BROADCAST, "255.255.255.255 ::ffff:255.255.255.255"},
        {MP_ADDRESS_LINK_LOCAL, "169.254.0.0 169.254.255.255 ::ffff:169.254.1.1 fe80:: febf:: fe80::1%1"},
        {MP_ADDRESS_SITE_LOCAL | MP_ADDRESS_GLOBAL, "fec0:: feff::"},
        {MP_ADDRESS_UNIQUE_LOCAL | MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL, "fc00:: fdff::1"},
        {MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL,
         "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 ::ffff:10.1.1.1"},
        {MP_ADDRESS_GLOBAL,
         "1.0.0.0 8.8.8.8 9.255.255.255 11.0.0.0 100.64.0.1 126.255.255.255 128.0.0.0 169.253.255.255 "
         "169.255.0.0 172.15.255.255 172.32.0.0 192.0.2.1 192.167.255.255 192.169.0.0 223.255.255.255 "
         "::2 ::127.0.0.1 ::ffff:8.8.8.8 2001:db8::1 2000:: fbff::"},
    };
    word text;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (const char *addresses = cases[i].addresses; next(&addresses, text);) {
            mp_address address = address_of(text);
            if (mp_address_classes(&address) != cases[i].classes)
                fail_msg("'%s': %#x, not %#x", text, mp_address_classes(&address), cases[i].classes);
            for (size_t bit = 0; bit < LENGTH(questions); bit++)
                assert_int_equal(questions[bit](&address), cases[i].classes >> bit & 1);
        }
    }
}

TEST(parses_subnets) {
    const char *table =
        "10.0.0.0/8 10.0.0.0 8  10.0.0.0/255.0.0.0 10.0.0.0 8  10/8 10.0.0.0 8  10.0/16 10.0.0.0 16  "
        "10./8 10.0.0.0 8  10 10.0.0.0 8  10. 10.0.0.0 8  10.1 10.1.0.0 16  10.1.2. 10.1.2.0 24  "
        "10.1.2.3 10.1.2.3 32  010.0/16 10.0.0.0 16  10.1.2.3/8 10.0.0.0 8  10.1.2.3/0 0.0.0.0 0  "
        "10.1.2.3/08 10.0.0.0 8  10.1.2/255.255.0.0 10.1.0.0 16  10/255.0 10.0.0.0 8  10/0.0.0.0 0.0.0.0 0  "
        "255.255.255.255/255.255.255.254 255.255.255.254 31  1.2.3.4/255.255.255.255 1.2.3.4 32  "
        "255.255.255.255/9 255.128.0.0 9  fe80::1/10 fe80:: 10  fe80::1 fe80::1 128  ::/0 :: 0  "
        "ffff:ffff::1/20 ffff:f000:: 20  ffff:ffff:ffff:ffff::1/127 ffff:ffff:ffff:ffff:: 127  "
        "::ffff:1.2.3.4/120 ::ffff:1.2.3.0 120  fe80::1%5000/10 fe80::%5000 10";
    mp_address network;
    word text, expected;
    int bits;
    while (next(&table, text) && next(&table, expected)) {
        if (mp_address_parse_subnet(text, strlen(text), &network, &bits) != 0)
            fail_msg("'%s' is no subnet", text);
        assert_formats_as(&network, expected);
        assert_int_equal(bits, next_int(&table));
    }
    assert_int_equal(mp_address_parse_subnet(" 10.0.0.0/8\n", 12, &network, &bits), 0);
}

TEST(refuses_bogus_subnets) {
    const char *table =
        "- / /8 foobar any any/8 * 10.0.0.0/ 10.0.0.0/33 10.0.0.0/-1 10.0.0.0/+8 10.0.0.0/1x "
        "10.0.0.0/0x8 10.0.0.0/8/8 10.0.0.0/255 10.0.0.0/255. 10.0.0.0/255.255 10.0.0.0/255.0.255.0 "
        "1.2.3.4/255.0.0.255 1.2.3.4/256.0.0.0 10.0.0.0/fe00:: 10.0.0.0/4294967304 256/8 10.300/16 "
        "1.2.3.4. 1.2.3.4.5 1.2.3.4.5/8 1.2.3.a 1.2.3.4:80 1../8 .1/8 0x10/8 fe80::/129 fe80::/-1 "
        "fe80::/ fe80::/ffff:: ::/255.0.0.0 fe80:/10";
    mp_address network;
    word text;
    int bits;
    while (next(&table, text)) {
        if (mp_address_parse_subnet(text, strlen(text), &network, &bits) != -EINVAL)
            fail_msg("'%s' is taken for a subnet", text);
        assert_true(mp_address_is_null(&network));
        assert_int_equal(bits, -1);
    }
    assert_int_equal(mp_address_parse_subnet("10.0.0.0 /8", 11, &network, &bits), -EINVAL);
    assert_int_equal(mp_address_parse_subnet("10.0.0.0/8\0", 11, &network, &bits), -EINVAL);
}

TEST(tells_what_is_in_a_subnet) {
    const char *table =
        "10.1.2.3 10.0.0.0 8 1  10.1.2.3 10.0.5.0 8 1  11.1.2.3 10.0.0.0 8 0  10.0.1.255 10.0.0.0 15 1  "
        "10.2.0.0 10.0.0.0 15 0  224.0.0.1 128.0.0.0 1 1  127.0.0.1 128.0.0.0 1 0  10.1.2.3 1.2.3.4 0 1  "
        "10.1.2.3 10.1.2.3 32 1  10.1.2.3 10.1.2.2 32 0  10.1.2.3 10.1.2.3 2147483647 1  "
        "10.1.2.3 10.1.2.3 -1 0  10.1.2.3 10.1.2.3 -2147483648 0  ::1 ffff:: 0 1  2:3:5::1 2:3:4:: 47 1  "
        "2:3:5::1 2:3:4:: 48 0  ::1 ::1 129 1  fe80::1%1 fe80:: 10 1  fe80::1%1 fe80::1 128 1  "
        "::1 10.0.0.0 0 0  ::ffff:10.1.2.3 10.0.0.0 8 1  10.1.2.3 ::ffff:10.0.0.0 104 1  any any 0 0  "
        "::ffff:11.1.2.3 10.0.0.0 8 0  ::ffff:10.1.2.3 0.0.0.0 0 1  ::ffff:10.1.2.3 ::ffff:10.0.0.0 104 1  "
        "::ffff:10.1.2.3 :: 0 1  10.1.2.3 :: 0 0  10.1.2.3 ::ffff:0.0.0.0 96 1  10.1.2.3 ::ffff:0.0.0.0 95 0  "
        "11.1.2.3 ::ffff:10.0.0.0 104 0  ::ffff:10.1.2.3 10.1.2.3 -1 0  ::10.1.2.3 10.0.0.0 8 0  "
        "any 0.0.0.0 0 0  any :: 0 0  - - 0 0  10.1.2.3 - 8 0  - 0.0.0.0 0 0";
    while (*table) {
        mp_address address = next_address(&table), network = next_address(&table);
        int bits = next_int(&table);
        assert_int_equal(mp_address_in_subnet(&address, &network, bits), next_int(&table));
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_ipv4_in_every_form_of_inet_aton),
        cmocka_unit_test(parses_and_formats_ipv6),
        cmocka_unit_test(parses_any_which_qt_has_no_word_for),
        cmocka_unit_test(refuses_what_is_no_literal_and_leaves_null),
        cmocka_unit_test(refuses_signs_and_binary_numbers_and_unknown_scopes_unlike_qt),
        cmocka_unit_test(ignores_blanks_around_an_address_but_not_inside),
        cmocka_unit_test(refuses_nuls_wherever_they_are),
        cmocka_unit_test(takes_a_scope_by_name_or_index),
        cmocka_unit_test(compares_strictly_but_for_the_scope),
        cmocka_unit_test(converts_as_the_mode_says_before_it_compares),
        cmocka_unit_test(converts_to_ipv4_what_has_one),
        cmocka_unit_test(unmaps_what_is_mapped_and_nothing_else),
        cmocka_unit_test(converts_to_ipv6_by_mapping),
        cmocka_unit_test(goes_through_a_sockaddr),
        cmocka_unit_test(refuses_a_sockaddr_of_another_family),
        cmocka_unit_test(classifies_addresses),
        cmocka_unit_test(parses_subnets),
        cmocka_unit_test(refuses_bogus_subnets),
        cmocka_unit_test(tells_what_is_in_a_subnet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
