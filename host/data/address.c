/*
 * Host addresses; see address.h. The C library reads and writes IPv6 text (inet_pton, inet_ntop). IPv4 is
 * read here, because inet_aton(3) accepts whatever follows a blank. The system is asked only for interface
 * names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "data/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

_Static_assert(INET6_ADDRSTRLEN + IF_NAMESIZE <= MP_ADDRESS_TEXT, "an address with a scope fits");

static const uint8_t zeros[16];
static const uint8_t ipv6_loopback[16] = {[15] = 1};
static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

#define MAPPED_BITS 96

/* The part of byte `index` that belongs to a prefix of `bits` bits. */
static uint8_t prefix_mask(int bits, int index) {
    int inside = bits - 8 * index;
    if (inside <= 0)
        return 0;
    return (uint8_t)(inside >= 8 ? 0xff : 0xff00 >> inside);
}

static bool same_prefix(const uint8_t a[16], const uint8_t b[16], int bits) {
    for (int i = 0; i < 16; i++) {
        if ((a[i] ^ b[i]) & prefix_mask(bits, i))
            return false;
    }
    return true;
}

static bool is_mapped(const mp_address *address) {
    return address->protocol == MP_PROTOCOL_IPV6 &&
           memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

static uint32_t read_big_endian(const uint8_t bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void mp_address_set_null(mp_address *address) {
    *address = (mp_address){.protocol = MP_PROTOCOL_UNKNOWN};
}

void mp_address_set_any(mp_address *address) {
    *address = (mp_address){.protocol = MP_PROTOCOL_ANY};
}

void mp_address_set_ipv4(mp_address *address, uint32_t host_order) {
    *address = (mp_address){.protocol = MP_PROTOCOL_IPV4};
    for (int i = 0; i < 4; i++)
        address->bytes[i] = (uint8_t)(host_order >> (24 - 8 * i));
}

void mp_address_set_ipv6(mp_address *address, const uint8_t bytes[16]) {
    *address = (mp_address){.protocol = MP_PROTOCOL_IPV6};
    memcpy(address->bytes, bytes, sizeof address->bytes);
}

int mp_address_to_ipv4(const mp_address *address, uint32_t *host_order) {
    *host_order = 0;
    if (address->protocol == MP_PROTOCOL_UNKNOWN)
        return -EINVAL;
    if (address->protocol == MP_PROTOCOL_IPV4)
        *host_order = read_big_endian(address->bytes);
    else if (is_mapped(address))
        *host_order = read_big_endian(address->bytes + 12);
    else if (memcmp(address->bytes, zeros, sizeof zeros) != 0)
        return -EINVAL;
    return 0;
}

void mp_address_unmap(mp_address *address) {
    if (is_mapped(address))
        mp_address_set_ipv4(address, read_big_endian(address->bytes + 12));
}

void mp_address_to_ipv6(const mp_address *address, uint8_t bytes[16]) {
    if (address->protocol != MP_PROTOCOL_IPV4 || memcmp(address->bytes, zeros, 4) == 0) {
        memcpy(bytes, address->bytes, 16);
        return;
    }
    memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(bytes + 12, address->bytes, 4);
}

int mp_address_from_sockaddr(mp_address *address, uint16_t *port, const struct sockaddr *sockaddr) {
    struct sockaddr_in ipv4 = {.sin_port = 0};
    struct sockaddr_in6 ipv6 = {.sin6_port = 0};

    mp_address_set_null(address);
    if (sockaddr->sa_family == AF_INET) {
        memcpy(&ipv4, sockaddr, sizeof ipv4);
        mp_address_set_ipv4(address, ntohl(ipv4.sin_addr.s_addr));
    } else if (sockaddr->sa_family == AF_INET6) {
        memcpy(&ipv6, sockaddr, sizeof ipv6);
        mp_address_set_ipv6(address, ipv6.sin6_addr.s6_addr);
        address->scope_id = ipv6.sin6_scope_id;
    }
    if (port)
        *port = ntohs(sockaddr->sa_family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
    return mp_address_is_null(address) ? -EAFNOSUPPORT : 0;
}

socklen_t mp_address_to_sockaddr(const mp_address *address, uint16_t port, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    if (address->protocol == MP_PROTOCOL_IPV6 || address->protocol == MP_PROTOCOL_ANY) {
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&ipv6.sin6_addr, address->bytes, sizeof ipv6.sin6_addr);
        ipv6.sin6_scope_id = address->scope_id;
        memcpy(storage, &ipv6, sizeof ipv6);
        return sizeof ipv6;
    }
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&ipv4.sin_addr, address->bytes, sizeof ipv4.sin_addr);
    memcpy(storage, &ipv4, sizeof ipv4);
    return sizeof ipv4;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Sets [*text, *end) to the text without its outer blanks. False if nothing is left or it contains a NUL. */
static bool trim(const char **text, const char **end, size_t length) {
    if (length == 0)
        return false;
    *end = *text + length;
    while (*text < *end && is_blank(**text))
        (*text)++;
    while (*text < *end && is_blank((*end)[-1]))
        (*end)--;
    return *text < *end && !memchr(*text, '\0', (size_t)(*end - *text));
}

static unsigned digit_value(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

/* Reads a number of at most 32 bits, digits only. Returns where it ends, or NULL if there is none. */
static const char *read_number(const char *text, const char *end, unsigned base, uint32_t *number) {
    const char *first = text;
    uint64_t value = 0;

    for (; text < end && digit_value(*text) < base; text++) {
        value = value * base + digit_value(*text);
        if (value > UINT32_MAX)
            return NULL;
    }
    *number = (uint32_t)value;
    return text > first ? text : NULL;
}

/* The same, in the base that C's prefixes give. */
static const char *read_c_number(const char *text, const char *end, uint32_t *number) {
    if (end - text >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return read_number(text + 2, end, 16, number);
    return read_number(text, end, text < end && *text == '0' ? 8 : 10, number);
}

static int parse_ipv4(const char *text, const char *end, uint32_t *host_order) {
    uint32_t value = 0;

    for (int room = 32; room > 0; room -= 8) {
        uint32_t part;
        text = read_c_number(text, end, &part);
        if (!text)
            return -EINVAL;
        if (text == end) {
            *host_order = value | part;
            return ((uint64_t)part >> room) != 0 ? -EINVAL : 0;
        }
        if (*text++ != '.' || part > 255)
            return -EINVAL;
        value |= part << (room - 8);
    }
    return -EINVAL;
}

static int parse_scope(const char *text, const char *end, uint32_t *scope_id) {
    size_t length = (size_t)(end - text);
    char name[IF_NAMESIZE];

    if (read_number(text, end, 10, scope_id) == end)
        return 0;
    if (length == 0 || length >= sizeof name)
        return -EINVAL;
    memcpy(name, text, length);
    name[length] = '\0';
    *scope_id = if_nametoindex(name);
    return *scope_id ? 0 : -EINVAL;
}

static int parse_ipv6(const char *text, const char *end, mp_address *address) {
    const char *percent = memchr(text, '%', (size_t)(end - text));
    size_t length = (size_t)((percent ? percent : end) - text);
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr bytes;
    uint32_t scope_id = 0;

    if (length >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET6, copy, &bytes) != 1 || (percent && parse_scope(percent + 1, end, &scope_id) < 0))
        return -EINVAL;
    mp_address_set_ipv6(address, bytes.s6_addr);
    address->scope_id = scope_id;
    return 0;
}

int mp_address_parse(mp_address *address, const char *text, size_t length) {
    const char *end;
    uint32_t host_order;

    mp_address_set_null(address);
    if (!trim(&text, &end, length))
        return -EINVAL;
    if (end - text == 3 && memcmp(text, "any", 3) == 0) {
        mp_address_set_any(address);
        return 0;
    }
    if (memchr(text, ':', (size_t)(end - text)))
        return parse_ipv6(text, end, address);
    if (parse_ipv4(text, end, &host_order) < 0)
        return -EINVAL;
    mp_address_set_ipv4(address, host_order);
    return 0;
}

/* An interface whose name has only digits is written as its index: the name would be read as an index. */
static size_t format_scope(uint32_t scope_id, char *text, size_t size) {
    char name[IF_NAMESIZE];

    if (if_indextoname(scope_id, name) && name[strspn(name, "0123456789")] != '\0')
        return (size_t)snprintf(text, size, "%%%s", name);
    return (size_t)snprintf(text, size, "%%%u", (unsigned)scope_id);
}

size_t mp_address_format(const mp_address *address, char text[MP_ADDRESS_TEXT]) {
    int family = address->protocol == MP_PROTOCOL_IPV6 ? AF_INET6 : AF_INET;
    size_t length;

    text[0] = '\0';
    if (address->protocol == MP_PROTOCOL_UNKNOWN)
        return 0;
    inet_ntop(family, address->bytes, text, MP_ADDRESS_TEXT);
    length = strlen(text);
    if (family == AF_INET6 && address->scope_id)
        length += format_scope(address->scope_id, text + length, MP_ADDRESS_TEXT - length);
    return length;
}

bool mp_address_is_null(const mp_address *address) {
    return address->protocol == MP_PROTOCOL_UNKNOWN;
}

bool mp_address_equal(const mp_address *a, const mp_address *b) {
    return a->protocol == b->protocol && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_unspecified(const mp_address *address) {
    return !mp_address_is_null(address) && memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

/* True if `mode` makes the IPv6 address `ipv6` equal to the IPv4 address `ipv4`. */
static bool converts_to(const mp_address *ipv6, const mp_address *ipv4, unsigned mode) {
    if (memcmp(ipv6->bytes, ipv6_loopback, sizeof ipv6_loopback) == 0)
        return (mode & MP_CONVERT_LOCAL_HOST) && read_big_endian(ipv4->bytes) == INADDR_LOOPBACK;
    if (memcmp(ipv6->bytes + 12, ipv4->bytes, 4) != 0)
        return false;
    if (is_mapped(ipv6))
        return mode & MP_CONVERT_V4_MAPPED;
    return (mode & MP_CONVERT_V4_COMPAT) && same_prefix(ipv6->bytes, zeros, MAPPED_BITS);
}

bool mp_address_is_equal(const mp_address *a, const mp_address *b, unsigned mode) {
    if (mp_address_equal(a, b))
        return true;
    if ((mode & MP_CONVERT_UNSPECIFIED) && is_unspecified(a) && is_unspecified(b))
        return true;
    if (a->protocol == MP_PROTOCOL_IPV6 && b->protocol == MP_PROTOCOL_IPV4)
        return converts_to(a, b, mode);
    if (a->protocol == MP_PROTOCOL_IPV4 && b->protocol == MP_PROTOCOL_IPV6)
        return converts_to(b, a, mode);
    return false;
}

/* Reads one to four decimal numbers; a dot may follow each of the first three. Returns the bits that they
   fill. */
static int parse_ipv4_prefix(const char *text, const char *end, uint32_t *host_order) {
    *host_order = 0;
    for (int bits = 8; bits <= 32; bits += 8) {
        uint32_t part;
        text = read_number(text, end, 10, &part);
        if (!text || part > 255)
            return -EINVAL;
        *host_order |= part << (32 - bits);
        if (text == end || (bits < 32 && text + 1 == end && *text == '.'))
            return bits;
        if (*text++ != '.')
            return -EINVAL;
    }
    return -EINVAL;
}

/* Reads a number of bits, or for IPv4 (32 bits wide) a mask written as an address. Returns the bits. */
static int parse_mask(const char *text, const char *end, int width) {
    uint32_t number;

    if (width == 32 && memchr(text, '.', (size_t)(end - text))) {
        if (parse_ipv4(text, end, &number) < 0 || (~number & (~number + 1)) != 0)
            return -EINVAL;
        return __builtin_popcount(number);
    }
    if (read_number(text, end, 10, &number) != end || number > (uint32_t)width)
        return -EINVAL;
    return (int)number;
}

int mp_address_parse_subnet(const char *text, size_t length, mp_address *network, int *bits) {
    const char *end;
    mp_address address;
    uint32_t host_order;
    int prefix;

    mp_address_set_null(network);
    *bits = -1;
    if (!trim(&text, &end, length))
        return -EINVAL;
    const char *slash = memchr(text, '/', (size_t)(end - text));
    const char *address_end = slash ? slash : end;
    if (memchr(text, ':', (size_t)(address_end - text))) {
        prefix = parse_ipv6(text, address_end, &address) < 0 ? -EINVAL : 128;
    } else {
        prefix = parse_ipv4_prefix(text, address_end, &host_order);
        mp_address_set_ipv4(&address, host_order);
    }
    if (prefix >= 0 && slash)
        prefix = parse_mask(slash + 1, end, address.protocol == MP_PROTOCOL_IPV4 ? 32 : 128);
    if (prefix < 0)
        return -EINVAL;
    for (int i = 0; i < 16; i++)
        address.bytes[i] &= prefix_mask(prefix, i);
    *network = address;
    *bits = prefix;
    return 0;
}

bool mp_address_in_subnet(const mp_address *address, const mp_address *network, int bits) {
    mp_address one = *address, all = *network;
    if (all.protocol == MP_PROTOCOL_IPV4) {
        mp_address_unmap(&one);
    } else if (one.protocol == MP_PROTOCOL_IPV4 && bits >= MAPPED_BITS && is_mapped(&all)) {
        mp_address_unmap(&all);
        bits -= MAPPED_BITS;
    }
    bool has_family = one.protocol == MP_PROTOCOL_IPV4 || one.protocol == MP_PROTOCOL_IPV6;
    return has_family && one.protocol == all.protocol && bits >= 0 && same_prefix(one.bytes, all.bytes, bits);
}
