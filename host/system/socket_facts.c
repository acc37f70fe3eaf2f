/*
 * Facts of sockets; see socket_facts.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/socket_facts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "system/local.h"

double mp_system_socket_idle(int fd) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return -1;
    unsigned msec = info.tcpi_last_data_recv < info.tcpi_last_data_sent ? info.tcpi_last_data_recv
                                                                        : info.tcpi_last_data_sent;
    return msec / 1e3;
}

bool mp_system_socket_owner(int fd, int *process, int *user) {
    pid_t pid;
    uid_t uid;
    gid_t gid;
    if (fd < 0 || !mp_system_is_local(fd) || mp_system_peer_credentials(fd, &pid, &uid, &gid) < 0)
        return false;
    *process = pid;
    *user = (int)uid;
    return true;
}

uint64_t mp_system_socket_cookie(int fd) {
#ifdef SO_COOKIE
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
#else
    (void)fd;
    return 0;
#endif
}
