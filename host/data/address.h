/*
 * Host addresses: literal IPv4 and IPv6 addresses as QHostAddress treats them (parsing, formatting, classes,
 * subnets). Only values: nothing here allocates, waits, or asks a name server.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_ADDRESS_H
#define MP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* QAbstractSocket::NetworkLayerProtocol; "any" is the dual-stack wildcard address. */
enum mp_protocol { MP_PROTOCOL_IPV4 = 0, MP_PROTOCOL_IPV6 = 1, MP_PROTOCOL_ANY = 2, MP_PROTOCOL_UNKNOWN = 3 };

/* An address. Qt's Null is all zero, except for protocol MP_PROTOCOL_UNKNOWN. IPv4 uses the first four
   bytes. */
typedef struct mp_address {
    uint8_t bytes[16]; /* network order; unused ones are zero */
    uint32_t scope_id; /* interface index of a scoped IPv6 address, 0 = none */
    uint8_t protocol;  /* enum mp_protocol */
} mp_address;

/* Longest text of mp_address_format, with its NUL: an IPv6 address, '%', an interface name. */
#define MP_ADDRESS_TEXT 64

/* QHostAddress::ConversionModeFlag: which spellings of an address mp_address_is_equal treats as the same. */
enum mp_address_conversion {
    MP_CONVERT_STRICT = 0,
    MP_CONVERT_V4_MAPPED = 1,   /* ::ffff:1.2.3.4 is 1.2.3.4 */
    MP_CONVERT_V4_COMPAT = 2,   /* ::1.2.3.4 is 1.2.3.4, but ::1 isn't 0.0.0.1 */
    MP_CONVERT_UNSPECIFIED = 4, /* "any", 0.0.0.0 and :: are equal */
    MP_CONVERT_LOCAL_HOST = 8,  /* ::1 is 127.0.0.1 */
    MP_CONVERT_TOLERANT = 0xff
};

/* Qt's Null: no address at all, not even an unspecified one. */
void mp_address_set_null(mp_address *address);

/* "any": every local address, IPv4 and IPv6. */
void mp_address_set_any(mp_address *address);

/* The IPv4 address with this number in host order: 0x7f000001 is 127.0.0.1. */
void mp_address_set_ipv4(mp_address *address, uint32_t host_order);

/* The IPv6 address with these bytes in network order, without a scope. Mapped addresses stay IPv6. */
void mp_address_set_ipv6(mp_address *address, const uint8_t bytes[16]);

/*
 * Reads the address in the `length` bytes of `text`; no NUL need follow. Blanks around it are ignored. It
 * accepts
 *   - "any", in lower case;
 *   - IPv4 in the form of inet_aton(3): one to four numbers, decimal, octal ("010") or hexadecimal ("0xa").
 *     The last one fills the remaining bytes: "127.1" is 127.0.0.1, "1" is 0.0.0.1, "010.0.0.1" is 8.0.0.1;
 *   - IPv6 as in RFC 4291, with "%" and a scope as in RFC 4007: the index of an interface, or the name of
 *     one that exists now.
 * Names are not looked up: "localhost" and "*" are errors, and so are "", ports, brackets and NULs. Returns
 * 0, or -EINVAL; then *address is Null.
 */
int mp_address_parse(mp_address *address, const char *text, size_t length);

/*
 * Reads the address in a sockaddr_in or sockaddr_in6, which must have its full size. `port` may be NULL;
 * otherwise it receives the port in host order. :: stays :: and mapped addresses stay IPv6. Returns 0, or
 * -EAFNOSUPPORT for other families; then *address is Null and *port 0.
 */
int mp_address_from_sockaddr(mp_address *address, uint16_t *port, const struct sockaddr *sockaddr);

/*
 * Writes the address and a NUL to `text` and returns its length without the NUL. Null is "", "any" is 0.0.0.0
 * (see QHostAddress::toString). IPv6 has the form of RFC 5952, and mapped and compatible addresses end in
 * dotted decimals: ::ffff:1.2.3.4. A scope follows as "%lo" if the interface has a name now, otherwise as its
 * index. mp_address_parse reads the text back as the same address, except for Null and "any".
 */
size_t mp_address_format(const mp_address *address, char text[MP_ADDRESS_TEXT]);

/*
 * Fills in *storage for bind(2) and connect(2) and returns the length to pass. `port` is in host order. "any"
 * is the IPv6 address :: (the caller sets IPV6_V6ONLY), Null is 0.0.0.0.
 */
socklen_t mp_address_to_sockaddr(const mp_address *address, uint16_t port, struct sockaddr_storage *storage);

/*
 * The number, in *host_order, of an IPv4 address or a mapped one, and 0 for the unspecified "any" and ::.
 * Returns 0, or -EINVAL; then *host_order is 0.
 */
int mp_address_to_ipv4(const mp_address *address, uint32_t *host_order);

/* Makes a mapped address its IPv4 address; any other stays as it is. */
void mp_address_unmap(mp_address *address);

/* The 16 bytes as IPv6, in network order. IPv4 becomes mapped; 0.0.0.0, "any" and Null become ::. */
void mp_address_to_ipv6(const mp_address *address, uint8_t bytes[16]);

bool mp_address_is_null(const mp_address *address);

/*
 * Strict equality: "any", 0.0.0.0 and :: differ, and so do 127.0.0.1 and ::ffff:127.0.0.1. As in Qt, the
 * scope doesn't count: fe80::1%lo equals fe80::1. Null equals Null.
 */
bool mp_address_equal(const mp_address *a, const mp_address *b);

/* Equality after the conversions in `mode` (flags of enum mp_address_conversion). Null equals only Null. */
bool mp_address_is_equal(const mp_address *a, const mp_address *b, unsigned mode);

/*
 * Reads a subnet as QHostAddress::parseSubnet does: "10.0.0.0/8", "10.0.0.0/255.0.0.0", "fe80::/10". The
 * numbers of IPv4 are decimal here, and the last ones may be missing ("10.1/16", "10.1."). Without a mask the
 * present numbers count ("10.1" is 10.1.0.0/16). IPv6 without a mask is 128 bits. Blanks around it are
 * ignored. In *network the bits after the prefix are cleared. Returns 0, or -EINVAL; then *network is Null
 * and *bits -1.
 */
int mp_address_parse_subnet(const char *text, size_t length, mp_address *network, int *bits);

/*
 * True if the first `bits` bits equal those of `network`; a number that is too large means all bits. False if
 * `bits` is negative, if the families differ, and for Null and "any". The scope doesn't count. A mapped
 * address is also in the IPv4 networks of its IPv4 part, and an IPv4 address in the networks of its mapped
 * form (D31).
 */
bool mp_address_in_subnet(const mp_address *address, const mp_address *network, int bits);

/*
 * The classes that QHostAddress asks for, and their networks. Global is every unicast address that is not
 * loopback, link-local or reserved (0/8, 240/4, fe00::/9). As in Qt, that includes private, unique local,
 * site-local and documentation addresses, and excludes multicast.
 */
enum mp_address_class {
    MP_ADDRESS_LOOPBACK = 1,      /* 127/8, ::1 */
    MP_ADDRESS_MULTICAST = 2,     /* 224/4, ff00::/8 */
    MP_ADDRESS_BROADCAST = 4,     /* 255.255.255.255 */
    MP_ADDRESS_LINK_LOCAL = 8,    /* 169.254/16, fe80::/10 */
    MP_ADDRESS_SITE_LOCAL = 16,   /* fec0::/10 */
    MP_ADDRESS_UNIQUE_LOCAL = 32, /* fc00::/7 */
    MP_ADDRESS_PRIVATE_USE = 64,  /* 10/8, 172.16/12, 192.168/16, fc00::/7 */
    MP_ADDRESS_GLOBAL = 128
};

/*
 * The classes of the address, as flags of enum mp_address_class. A mapped address has the classes of its IPv4
 * address; Null, "any", 0.0.0.0 and :: have none.
 */
unsigned mp_address_classes(const mp_address *address);

static inline bool mp_address_is_loopback(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_LOOPBACK;
}

static inline bool mp_address_is_multicast(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_MULTICAST;
}

static inline bool mp_address_is_broadcast(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_BROADCAST;
}

static inline bool mp_address_is_link_local(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_LINK_LOCAL;
}

static inline bool mp_address_is_site_local(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_SITE_LOCAL;
}

static inline bool mp_address_is_unique_local_unicast(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_UNIQUE_LOCAL;
}

static inline bool mp_address_is_private_use(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_PRIVATE_USE;
}

static inline bool mp_address_is_global(const mp_address *address) {
    return mp_address_classes(address) & MP_ADDRESS_GLOBAL;
}

#endif
