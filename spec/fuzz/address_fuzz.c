/*
 * Any bytes as an address and as a subnet. An accepted address must be the same after a round trip through
 * its own text and through a sockaddr, equal itself, be in its own subnet, and have classes that fit
 * together.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

static bool identical(const mp_address *a, const mp_address *b) {
    return a->protocol == b->protocol && a->scope_id == b->scope_id && memcmp(a->bytes, b->bytes, 16) == 0;
}

static void check_text(const mp_address *address) {
    char text[MP_ADDRESS_TEXT];
    size_t length = mp_address_format(address, text);
    mp_address again;

    REQUIRE(length > 0 && length < sizeof text && strlen(text) == length);
    REQUIRE(mp_address_parse(&again, text, length) == 0);
    if (address->protocol == MP_PROTOCOL_ANY)
        REQUIRE(mp_address_is_equal(address, &again, MP_CONVERT_UNSPECIFIED));
    else
        REQUIRE(identical(address, &again));
}

static void check_conversions(const mp_address *address) {
    struct sockaddr_storage storage;
    uint8_t bytes[16];
    uint32_t number;
    uint16_t port;
    mp_address again;

    mp_address_to_sockaddr(address, 7, &storage);
    REQUIRE(mp_address_from_sockaddr(&again, &port, (struct sockaddr *)&storage) == 0 && port == 7);
    REQUIRE(address->protocol == MP_PROTOCOL_ANY || identical(address, &again));
    mp_address_to_ipv6(address, bytes);
    mp_address_set_ipv6(&again, bytes);
    REQUIRE(mp_address_is_equal(address, &again, MP_CONVERT_V4_MAPPED | MP_CONVERT_UNSPECIFIED));
    REQUIRE(mp_address_classes(address) == mp_address_classes(&again));
    if (mp_address_to_ipv4(address, &number) == 0) {
        mp_address_set_ipv4(&again, number);
        REQUIRE(mp_address_is_equal(address, &again, MP_CONVERT_V4_MAPPED | MP_CONVERT_UNSPECIFIED));
        REQUIRE(mp_address_is_equal(&again, address, MP_CONVERT_TOLERANT));
        REQUIRE(mp_address_classes(address) == mp_address_classes(&again));
    }
}

static void check_classes(const mp_address *address) {
    unsigned scope = MP_ADDRESS_LOOPBACK | MP_ADDRESS_MULTICAST | MP_ADDRESS_BROADCAST |
                     MP_ADDRESS_LINK_LOCAL | MP_ADDRESS_GLOBAL;
    unsigned classes = mp_address_classes(address) & scope;

    REQUIRE((classes & (classes - 1)) == 0);
    REQUIRE(!mp_address_is_private_use(address) || mp_address_is_global(address));
}

static void check_subnet(const mp_address *network, int bits) {
    int width = network->protocol == MP_PROTOCOL_IPV4 ? 32 : 128;
    char text[MP_ADDRESS_TEXT + 8];
    mp_address again;
    int again_bits;

    REQUIRE(network->protocol == MP_PROTOCOL_IPV4 || network->protocol == MP_PROTOCOL_IPV6);
    REQUIRE(bits >= 0 && bits <= width);
    REQUIRE(mp_address_in_subnet(network, network, bits));
    size_t length = mp_address_format(network, text);
    length += (size_t)snprintf(text + length, sizeof text - length, "/%d", bits);
    REQUIRE(mp_address_parse_subnet(text, length, &again, &again_bits) == 0);
    REQUIRE(identical(network, &again) && again_bits == bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    mp_address address, network;
    int bits;

    if (mp_address_parse(&address, text, size) == 0) {
        REQUIRE(!mp_address_is_null(&address) && mp_address_equal(&address, &address));
        check_text(&address);
        check_conversions(&address);
        check_classes(&address);
    } else {
        REQUIRE(mp_address_is_null(&address));
    }
    if (mp_address_parse_subnet(text, size, &network, &bits) == 0)
        check_subnet(&network, bits);
    else
        REQUIRE(mp_address_is_null(&network) && bits == -1);
    return 0;
}
