/*
 * WebSocket's frames: heads of all lengths, masks in all positions, keys; and UTF-8 against a decoder that
 * looks at whole characters, cut at each place.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/sha1.h"
#include "data/websocket.h"

#define TEST(name) static void name(void **state __attribute__((unused)))

static const uint8_t mask[4] = {0x12, 0x00, 0xa5, 0xff};

/* --- keys ----------------------------------------------------------------------------------------------- */

static void assert_digest(const char *text, const char *hex) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[MP_SHA1_SIZE];
    char got[2 * MP_SHA1_SIZE + 1] = "";
    mp_sha1(text, strlen(text), digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        got[2 * i] = digits[digest[i] >> 4];
        got[2 * i + 1] = digits[digest[i] & 15];
    }
    assert_string_equal(got, hex);
}

TEST(digests_texts_of_one_and_two_blocks) {
    assert_digest("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_digest("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    assert_digest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    assert_digest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    assert_digest(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaa",
        "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56");
}

TEST(answers_the_key_of_the_rfc) {
    char accept[MP_WEBSOCKET_ACCEPT];
    mp_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof accept);
}

TEST(makes_keys_that_it_takes) {
    static const uint8_t bytes[16] = "the sample nonce";
    char key[MP_WEBSOCKET_KEY];
    mp_websocket_make_key(bytes, key);
    assert_memory_equal(key, "dGhlIHNhbXBsZSBub25jZQ==", sizeof key);
    assert_true(mp_websocket_is_key(key, sizeof key));
    for (size_t size = 0; size < sizeof key; size++)
        assert_false(mp_websocket_is_key(key, size));
    for (size_t i = 0; i < sizeof key; i++) {
        char was = key[i];
        key[i] = i < 22 ? '=' : 'A';
        assert_false(mp_websocket_is_key(key, sizeof key));
        key[i] = was;
    }
}

/* --- frames --------------------------------------------------------------------------------------------- */

TEST(writes_heads_that_it_reads) {
    static const uint64_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, UINT64_C(1) << 32, INT64_MAX};
    static const size_t heads[] = {2, 2, 2, 4, 4, 4, 10, 10, 10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++) {
            char *head = malloc(MP_WEBSOCKET_HEAD);
            size_t size = mp_websocket_write_head(head, MP_WEBSOCKET_BINARY, sizes[i], masked ? mask : NULL);
            assert_int_equal(size, heads[i] + (masked ? 4 : 0));
            mp_websocket_reader reader = {.limit = INT64_MAX, .masked = masked};
            mp_websocket_item item;
            for (size_t n = 0; n < size; n++)
                assert_int_equal(mp_websocket_next(&reader, head, n, &item), MP_WEBSOCKET_MORE);
            assert_int_equal(mp_websocket_next(&reader, head, size, &item),
                             sizes[i] ? MP_WEBSOCKET_PIECE : MP_WEBSOCKET_MESSAGE);
            assert_int_equal(item.used, size);
            assert_int_equal(item.size, 0);
            assert_true(reader.left == sizes[i]);
            free(head);
        }
}

TEST(masks_each_length_from_each_turn_where_it_lies_and_elsewhere) {
    char from[40], to[40], there[40];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 37);
    for (unsigned turn = 0; turn < 8; turn++)
        for (size_t size = 0; size <= sizeof from; size++) {
            memset(to, 0, sizeof to);
            memcpy(there, from, sizeof there);
            mp_websocket_mask(to, from, size, mask, turn);
            mp_websocket_mask(there, there, size, mask, turn);
            for (size_t i = 0; i < sizeof to; i++) {
                char expected = (char)((uint8_t)from[i] ^ mask[(turn + i) % 4]);
                assert_int_equal(to[i], i < size ? expected : 0);
                assert_int_equal(there[i], i < size ? expected : from[i]);
            }
        }
}

TEST(knows_the_codes_that_may_be_sent) {
    for (int code = -1; code < 70000; code++) {
        bool may = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
                   (code >= 3000 && code < 5000);
        assert_int_equal(mp_websocket_is_code(code), may);
    }
}

/* A message of the largest size is refused before anything of it is kept. */
TEST(counts_no_length_beyond_its_limit) {
    mp_websocket_reader reader = {.limit = 10};
    mp_websocket_item item;
    char first[] = "\x01\x06"
                   "abcdef";
    assert_int_equal(mp_websocket_next(&reader, first, 8, &item), MP_WEBSOCKET_PIECE);
    char fits[] = "\x80\x04wxyz", larger[] = "\x80\x05wxyz!",
         huge[] = "\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    mp_websocket_reader copy = reader;
    assert_int_equal(mp_websocket_next(&copy, larger, 2, &item), MP_WEBSOCKET_REFUSED);
    assert_int_equal(item.code, MP_WEBSOCKET_TOO_LARGE);
    copy = reader;
    assert_int_equal(mp_websocket_next(&copy, huge, 10, &item), MP_WEBSOCKET_REFUSED);
    assert_int_equal(item.code, MP_WEBSOCKET_TOO_LARGE);
    assert_int_equal(mp_websocket_next(&reader, fits, 6, &item), MP_WEBSOCKET_MESSAGE);
    assert_int_equal(item.total, 10);
}

/* --- UTF-8 ---------------------------------------------------------------------------------------------- */

static size_t encode(uint32_t point, char *text) {
    if (point < 0x80) {
        text[0] = (char)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; point >>= 6)
        text[i] = (char)(0x80 | (point & 0x3f));
    text[0] = (char)(leads[size] | point);
    return size;
}

static bool in_pieces(const char *text, size_t size, size_t cut) {
    mp_utf8 utf8 = {0};
    return mp_utf8_feed(&utf8, text, cut) && mp_utf8_feed(&utf8, text + cut, size - cut) &&
           mp_utf8_is_whole(&utf8);
}

TEST(takes_each_character_but_surrogates) {
    char text[24];
    for (uint32_t point = 0; point < 0x120000; point++) {
        bool is_character = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        memset(text, 'a', sizeof text);
        size_t size = encode(point, text + 9), whole = 9 + size + 9;
        for (size_t cut = 8; cut <= 9 + size; cut++)
            assert_int_equal(in_pieces(text, whole, cut), is_character);
        if (size > 1)
            assert_false(mp_utf8_is_text(text, 9 + size - 1));
    }
}

/* Three bytes, against the characters that they could be. */
TEST(takes_no_other_bytes) {
    static uint8_t known[1 << 16]; /* two bytes that are characters */
    char text[5];
    for (uint32_t point = 0; point < 0x800; point++)
        if (encode(point, text) == 2)
            known[(uint8_t)text[0] << 8 | (uint8_t)text[1]] = 1;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            text[0] = (char)first;
            text[1] = (char)second;
            bool right = (first < 128 && second < 128) || known[first << 8 | second];
            assert_int_equal(mp_utf8_is_text(text, 2), right);
        }
    for (unsigned byte = 0; byte < 256; byte++) {
        text[0] = (char)byte;
        assert_int_equal(mp_utf8_is_text(text, 1), byte < 128);
        memcpy(text, "\xe0\x80\x80", 4);
        text[1] = (char)byte;
        assert_int_equal(mp_utf8_is_text(text, 3), byte >= 0xa0 && byte < 0xc0);
        memcpy(text, "\xf0\x80\x80\x80", 5);
        text[1] = (char)byte;
        assert_int_equal(mp_utf8_is_text(text, 4), byte >= 0x90 && byte < 0xc0);
    }
}

TEST(finds_a_wrong_byte_when_it_comes) {
    mp_utf8 utf8 = {0};
    assert_true(mp_utf8_feed(&utf8, "abcdefghijk\xf0", 12));
    assert_false(mp_utf8_is_whole(&utf8));
    assert_false(mp_utf8_feed(&utf8, "\x8f", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_texts_of_one_and_two_blocks),
        cmocka_unit_test(answers_the_key_of_the_rfc),
        cmocka_unit_test(makes_keys_that_it_takes),
        cmocka_unit_test(writes_heads_that_it_reads),
        cmocka_unit_test(masks_each_length_from_each_turn_where_it_lies_and_elsewhere),
        cmocka_unit_test(knows_the_codes_that_may_be_sent),
        cmocka_unit_test(counts_no_length_beyond_its_limit),
        cmocka_unit_test(takes_each_character_but_surrogates),
        cmocka_unit_test(takes_no_other_bytes),
        cmocka_unit_test(finds_a_wrong_byte_when_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
