/*
 * The classes of addresses: a table of networks. The first network that contains the address counts. A mapped
 * address has the classes of its IPv4 part.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "data/address.h"

static const struct {
    uint8_t protocol, bits;
    uint8_t prefix[16];
    unsigned classes;
} class_ranges[] = {
    {MP_PROTOCOL_IPV4, 8, {127}, MP_ADDRESS_LOOPBACK},
    {MP_PROTOCOL_IPV4, 8, {10}, MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV4, 12, {172, 16}, MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV4, 16, {192, 168}, MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV4, 16, {169, 254}, MP_ADDRESS_LINK_LOCAL},
    {MP_PROTOCOL_IPV4, 4, {224}, MP_ADDRESS_MULTICAST},
    {MP_PROTOCOL_IPV4, 32, {255, 255, 255, 255}, MP_ADDRESS_BROADCAST},
    {MP_PROTOCOL_IPV4, 4, {240}, 0},
    {MP_PROTOCOL_IPV4, 8, {0}, 0},
    {MP_PROTOCOL_IPV4, 0, {0}, MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV6, 128, {[15] = 1}, MP_ADDRESS_LOOPBACK},
    {MP_PROTOCOL_IPV6, 7, {0xfc}, MP_ADDRESS_UNIQUE_LOCAL | MP_ADDRESS_PRIVATE_USE | MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV6, 10, {0xfe, 0x80}, MP_ADDRESS_LINK_LOCAL},
    {MP_PROTOCOL_IPV6, 10, {0xfe, 0xc0}, MP_ADDRESS_SITE_LOCAL | MP_ADDRESS_GLOBAL},
    {MP_PROTOCOL_IPV6, 9, {0xfe}, 0},
    {MP_PROTOCOL_IPV6, 8, {0xff}, MP_ADDRESS_MULTICAST},
    {MP_PROTOCOL_IPV6, 128, {0}, 0},
    {MP_PROTOCOL_IPV6, 0, {0}, MP_ADDRESS_GLOBAL},
};

unsigned mp_address_classes(const mp_address *address) {
    for (size_t i = 0; i < sizeof class_ranges / sizeof class_ranges[0]; i++) {
        mp_address network = {.protocol = class_ranges[i].protocol};
        memcpy(network.bytes, class_ranges[i].prefix, sizeof network.bytes);
        if (mp_address_in_subnet(address, &network, class_ranges[i].bits))
            return class_ranges[i].classes;
    }
    return 0;
}
