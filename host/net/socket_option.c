/*
 * Socket options under Qt's names (QAbstractSocket::SocketOption, with the keep-alive ones of Qt 6.11), and
 * LingerOption.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/socket_option.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "system/system.h"

/* An option that the system lacks has level -1: setting it fails, and reading it gives nothing. */
#define MISSING (-1)

#ifdef TCP_KEEPIDLE
#define KEEP_ALIVE_IDLE IPPROTO_TCP, TCP_KEEPIDLE
#else
#define KEEP_ALIVE_IDLE MISSING, 0
#endif
#ifdef IP_MTU
#define PATH_MTU IPPROTO_IP, IP_MTU
#else
#define PATH_MTU MISSING, 0
#endif

static const struct {
    const char *name;
    int level, option;
} options[] = {
    {"LowDelayOption", IPPROTO_TCP, TCP_NODELAY},
    {"KeepAliveOption", SOL_SOCKET, SO_KEEPALIVE},
    {"MulticastTtlOption", IPPROTO_IP, IP_MULTICAST_TTL},
    {"MulticastLoopbackOption", IPPROTO_IP, IP_MULTICAST_LOOP},
    {"TypeOfServiceOption", IPPROTO_IP, IP_TOS},
    {"SendBufferSizeSocketOption", SOL_SOCKET, SO_SNDBUF},
    {"ReceiveBufferSizeSocketOption", SOL_SOCKET, SO_RCVBUF},
    {"PathMtuSocketOption", PATH_MTU},
    {"KeepAliveIdleOption", KEEP_ALIVE_IDLE},
    {"KeepAliveIntervalOption", IPPROTO_TCP, TCP_KEEPINTVL},
    {"KeepAliveCountOption", IPPROTO_TCP, TCP_KEEPCNT},
    {"LingerOption", SOL_SOCKET, SO_LINGER},
};

_Static_assert(sizeof options / sizeof *options == MP_SOCKET_OPTION_COUNT, "as many as the header says");
_Static_assert(MP_SOCKET_OPTION_COUNT <= 32, "a bit for each option");

/* Options that have other numbers for IPv6 sockets. */
static const struct {
    int v4, v6;
} of_ipv6[] = {
    {IP_TOS, IPV6_TCLASS},
    {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS},
    {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP},
#ifdef IPV6_MTU
    {IP_MTU, IPV6_MTU},
#endif
};

int mp_socket_option_find(const char *name) {
    for (int i = 0; i < MP_SOCKET_OPTION_COUNT; i++)
        if (strcmp(options[i].name, name) == 0)
            return i;
    return -ENOENT;
}

const char *mp_socket_option_name(int option) {
    return option >= 0 && option < MP_SOCKET_OPTION_COUNT ? options[option].name : NULL;
}

static bool is_linger(int option) {
    return options[option].level == SOL_SOCKET && options[option].option == SO_LINGER;
}

int mp_socket_option_check(int option, int value) {
    if (options[option].level == MISSING)
        return -ENOPROTOOPT;
    return is_linger(option) && value > 0 ? -EINVAL : 0; /* a close that lingers would block the loop */
}

/* Level and number for this descriptor. An IPv6 socket with a mapped IPv4 address uses the IPv4 options.
   Returns true if the socket has no address yet, so that either may apply, and these are IPv6's. */
static bool locate(int fd, int option, int *level, int *name) {
    mp_address local;
    uint16_t port;
    uint32_t ipv4 = 0;
    *level = options[option].level;
    *name = options[option].option;
    if (*level != IPPROTO_IP || mp_system_local_address(fd, &local, &port) < 0 ||
        local.protocol == MP_PROTOCOL_IPV4)
        return false;
    bool either = mp_address_to_ipv4(&local, &ipv4) == 0;
    if (either && ipv4 != 0)
        return false;
    for (size_t i = 0; i < sizeof of_ipv6 / sizeof *of_ipv6; i++) {
        if (of_ipv6[i].v4 == *name) {
            *level = IPPROTO_IPV6;
            *name = of_ipv6[i].v6;
            return either;
        }
    }
    return false;
}

int mp_socket_option_set(int fd, int option, int value) {
    int level, name, result = fd < 0 ? -EBADF : mp_socket_option_check(option, value);
    if (result < 0)
        return result;
    if (is_linger(option))
        return mp_system_set_reset_on_close(fd, value == 0);
    if (locate(fd, option, &level, &name))
        (void)mp_system_set_option(fd, options[option].level, options[option].option, value);
    return mp_system_set_option(fd, level, name, value);
}

int mp_socket_option_get(int fd, int option, int *value) {
    int level, name, result = fd < 0 ? -EBADF : mp_socket_option_check(option, 0);
    if (result < 0)
        return result;
    if (is_linger(option)) {
        result = mp_system_resets_on_close(fd);
        *value = result > 0 ? 0 : -1;
        return result < 0 ? result : 0;
    }
    (void)locate(fd, option, &level, &name);
    return mp_system_get_option(fd, level, name, value);
}

static uint32_t bit(int option) {
    return UINT32_C(1) << option;
}

void mp_socket_options_keep(mp_socket_options *kept, int option, int value) {
    kept->kept |= bit(option);
    kept->values[option] = value;
}

int mp_socket_options_get(const mp_socket_options *kept, int option, int *value) {
    if (!(kept->kept & bit(option)))
        return -EBADF;
    *value = kept->values[option];
    return 0;
}

void mp_socket_options_apply(mp_socket_options *kept, int fd, enum mp_log_level level) {
    for (int option = 0; option < MP_SOCKET_OPTION_COUNT; option++) {
        int result = kept->kept & bit(option) ? mp_socket_option_set(fd, option, kept->values[option]) : 0;
        if (result == 0)
            continue;
        kept->kept &= ~bit(option);
        mp_log(level, MP_LOG_WARNING, "%s can't be %d: %s", options[option].name, kept->values[option],
               strerror(-result));
    }
}
