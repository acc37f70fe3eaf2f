/*
 * System calls; see system.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#ifdef __linux__
#include <linux/filter.h>
#endif
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "system/adoption.h"
#include "system/local.h"
#include "system/retry.h"

int mp_system_socket(int family) {
    return RETRY(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int mp_system_shortage(void) {
    int fd = RETRY(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd >= 0) {
        (void)close(fd);
        return 0;
    }
    return fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM ? fd : 0;
}

int mp_system_bind(int fd, const mp_address *address, uint16_t port) {
    struct sockaddr_storage storage;
    socklen_t length = mp_address_to_sockaddr(address, port, &storage);
    return RETRY(bind(fd, (struct sockaddr *)&storage, length));
}

int mp_system_listen(int fd, int backlog) {
    return RETRY(listen(fd, backlog));
}

int mp_system_ignore_new_clients(int fd) {
#ifdef __linux__
    enum { FLAGS = 13, SYN = 0x02, ACK = 0x10 }; /* of a TCP header */
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
                                 BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                                 BPF_STMT(BPF_RET | BPF_K, 0xffffffffU)};
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ? -errno : 0;
#else
    (void)fd;
    return -ENOTSUP;
#endif
}

int mp_system_accept(int fd, mp_address *peer, uint16_t *port) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int result = RETRY(accept4(fd, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (result >= 0 && mp_address_from_sockaddr(peer, port, (struct sockaddr *)&storage) < 0) {
        mp_address_set_null(peer);
        *port = 0;
    }
    return result;
}

int mp_system_connect(int fd, const mp_address *address, uint16_t port) {
    struct sockaddr_storage storage;
    socklen_t length = mp_address_to_sockaddr(address, port, &storage);
    int result = connect(fd, (struct sockaddr *)&storage, length);
    if (result == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

void mp_system_unconnect(int fd) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    mp_address local;
    uint16_t port = 0;
    (void)connect(fd, &none, sizeof none);
    /* Linux has released a port that it chose itself, but still returns it. */
    if (mp_system_local_address(fd, &local, &port) == 0 && port != 0)
        (void)mp_system_bind(fd, &local, port);
}

int mp_system_connect_result(int fd) {
    int error = 0;
    int result = mp_system_get_option(fd, SOL_SOCKET, SO_ERROR, &error);
    return result < 0 ? result : -error;
}

ssize_t mp_system_receive(int fd, void *data, size_t size, bool plain) {
    if (plain)
        return RETRY(read(fd, data, size));
    return RETRY(recv(fd, data, size, 0));
}

ssize_t mp_system_send(int fd, const void *data, size_t size, bool plain) {
    if (plain)
        return RETRY(write(fd, data, size));
    return RETRY(send(fd, data, size, MSG_NOSIGNAL));
}

ssize_t mp_system_send_vectors(int fd, const struct iovec *vectors, int count, bool plain) {
    if (plain)
        return RETRY(writev(fd, vectors, count));
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vectors, .msg_iovlen = (size_t)count};
    return RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
}

int mp_system_wait(int fd, bool to_write, int msec) {
    struct pollfd poll_fd = {.fd = fd, .events = to_write ? POLLOUT : POLLIN};
    return RETRY(poll(&poll_fd, 1, msec));
}

int mp_system_shutdown(int fd) {
    return RETRY(shutdown(fd, SHUT_RDWR));
}

int mp_system_shutdown_write(int fd) {
    return RETRY(shutdown(fd, SHUT_WR));
}

void mp_system_open_standard(void) {
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

/* On Linux the descriptor is closed even if close(2) was interrupted: never repeat it. Standard descriptors
   are replaced: otherwise the next connection would get the number, and output and log lines with it. */
void mp_system_close(int fd) {
    mp_system_give_back(fd);
    int null = fd <= STDERR_FILENO ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    if (null >= 0 && dup2(null, fd) == fd)
        fd = null;
    (void)close(fd);
}

static int name_of(int fd, mp_address *address, uint16_t *port,
                   int (*call)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (call(fd, (struct sockaddr *)&storage, &length) < 0)
        return -errno;
    return mp_address_from_sockaddr(address, port, (struct sockaddr *)&storage);
}

static int local_name(int fd, struct sockaddr *address, socklen_t *length) {
    return getsockname(fd, address, length);
}

static int peer_name(int fd, struct sockaddr *address, socklen_t *length) {
    return getpeername(fd, address, length);
}

int mp_system_local_address(int fd, mp_address *address, uint16_t *port) {
    return name_of(fd, address, port, local_name);
}

int mp_system_peer_address(int fd, mp_address *address, uint16_t *port) {
    return name_of(fd, address, port, peer_name);
}

int mp_system_set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

int mp_system_get_option(int fd, int level, int name, int *value) {
    socklen_t length = sizeof *value;
    return getsockopt(fd, level, name, value, &length) < 0 ? -errno : 0;
}

int mp_system_set_reset_on_close(int fd, bool reset) {
    struct linger linger = {.l_onoff = reset, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

int mp_system_resets_on_close(int fd) {
    struct linger linger;
    socklen_t length = sizeof linger;
    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) < 0)
        return -errno;
    return linger.l_onoff && linger.l_linger == 0;
}

bool mp_system_is_stream_socket(int fd, bool *listening) {
    int type = 0, accepts = 0;
    if (mp_system_get_option(fd, SOL_SOCKET, SO_TYPE, &type) < 0 || type != SOCK_STREAM)
        return false;
    *listening = mp_system_get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts) == 0 && accepts != 0;
    return true;
}

bool mp_system_is_pipe(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
}

int mp_system_unsent(int fd) {
#ifdef TIOCOUTQ
    int bytes = 0;
    if (ioctl(fd, TIOCOUTQ, &bytes) < 0)
        return -errno;
    return bytes > 0 && mp_system_is_local(fd) ? 0 : bytes;
#else
    (void)fd;
    return -ENOTSUP;
#endif
}

int mp_system_unread(int fd) {
    int bytes = 0;
    return ioctl(fd, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

bool mp_system_heard_within(int fd, unsigned msec) {
#ifdef __linux__
    struct tcp_info info;
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 || info.tcpi_last_data_recv < msec;
#else
    (void)fd;
    (void)msec;
    return true;
#endif
}

void *mp_system_reserve(size_t size) {
    void *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

int mp_system_commit(void *start, size_t size) {
    return mprotect(start, size, PROT_READ | PROT_WRITE) < 0 ? -errno : 0;
}

void mp_system_forget(void *start, size_t size) {
    (void)madvise(start, size, MADV_DONTNEED);
}

void mp_system_keep_freed(size_t size) {
#ifdef __GLIBC__
    (void)mallopt(M_TRIM_THRESHOLD, (int)size);
    (void)mallopt(M_MMAP_THRESHOLD, (int)size / 2);
#else
    (void)size;
#endif
}

void mp_system_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* A writable pipe takes so many bytes without waiting. */
static ssize_t write_if_writable(int fd, const char *data, size_t size) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) <= 0)
        return -EAGAIN;
    return RETRY(write(fd, data, size < PIPE_BUF ? size : PIPE_BUF));
}

/* Others may share the pipe or terminal, so its blocking mode must not change. So it is opened again. */
static ssize_t write_anew(int fd, const char *data, size_t size) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = RETRY(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own < 0)
        return write_if_writable(fd, data, size);
    ssize_t n = RETRY(write(own, data, size));
    (void)close(own);
    return n;
}

ssize_t mp_system_write_stderr(const char *data, size_t size) {
    struct stat status;
    if (fstat(STDERR_FILENO, &status) < 0)
        return -errno;
    if (S_ISSOCK(status.st_mode))
        return RETRY(send(STDERR_FILENO, data, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
        return write_anew(STDERR_FILENO, data, size);
    return RETRY(write(STDERR_FILENO, data, size));
}

void mp_system_random(void *bytes, size_t size) {
    if (getrandom(bytes, size, GRND_NONBLOCK) == (ssize_t)size)
        return;
    struct timespec now; /* early at the system's start */
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)((uint64_t)now.tv_nsec >> (i % 4 * 8));
}

int64_t mp_system_epoch(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
