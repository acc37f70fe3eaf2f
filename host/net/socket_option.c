/*
 * Socket options under Qt's names (QAbstractSocket::SocketOption, with the keep-alive ones of Qt 6.11), and LingerOption.
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

/* An option that a system hasn't got has level -1: setting it fails, reading it gives nothing. */
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

/* The options that IPv6 sockets have under other numbers. */
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
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

const char *mp_socket_option_name(int option) {
    return option >= 0 && (size_t)option < sizeof options / sizeof *options ? options[option].name : NULL;
}

/* Level and number for this descriptor; an IPv6 socket that talks IPv4 (mapped) takes the IPv4 ones. Returns 0, -EBADF
   without a descriptor, or -ENOPROTOOPT if the system hasn't got the option. */
static int locate(const mp_stream *stream, int option, int *level, int *name) {
    mp_address local;
    uint16_t port;
    *level = options[option].level;
    *name = options[option].option;
    if (stream->watcher.fd < 0)
        return -EBADF;
    if (*level == MISSING)
        return -ENOPROTOOPT;
    if (*level != IPPROTO_IP || mp_system_local_address(stream->watcher.fd, &local, &port) < 0)
        return 0;
    uint32_t ipv4;
    if (local.protocol == MP_PROTOCOL_IPV4 || mp_address_to_ipv4(&local, &ipv4) == 0)
        return 0;
    for (size_t i = 0; i < sizeof of_ipv6 / sizeof *of_ipv6; i++) {
        if (of_ipv6[i].v4 == *name) {
            *level = IPPROTO_IPV6;
            *name = of_ipv6[i].v6;
            return 0;
        }
    }
    return 0;
}

static bool is_linger(int level, int name) {
    return level == SOL_SOCKET && name == SO_LINGER;
}

int mp_stream_set_option(mp_stream *stream, int option, int value) {
    int level, name, result = locate(stream, option, &level, &name);
    if (result < 0)
        return result;
    if (!is_linger(level, name))
        return mp_system_set_option(stream->watcher.fd, level, name, value);
    if (value > 0)
        return -EINVAL; /* a close that takes its time would keep the loop */
    return mp_system_set_reset_on_close(stream->watcher.fd, value == 0);
}

int mp_stream_option(const mp_stream *stream, int option, int *value) {
    int level, name, result = locate(stream, option, &level, &name);
    if (result < 0)
        return result;
    if (!is_linger(level, name))
        return mp_system_get_option(stream->watcher.fd, level, name, value);
    result = mp_system_resets_on_close(stream->watcher.fd);
    *value = result > 0 ? 0 : -1;
    return result < 0 ? result : 0;
}
