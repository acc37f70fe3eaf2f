/*
 * System calls for Unix-domain sockets; see local.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "system/local.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "system/retry.h"

/* How often, and how long between, a lock is tried for that somebody else has. */
#define LOCK_TRIES 50
#define LOCK_NANOSECONDS 2000000

/* The most descriptors that one message carries on Linux. */
#define MOST_DESCRIPTORS 253

int mp_system_bind_local(int fd, const mp_local_name *name) {
    struct sockaddr_storage storage;
    socklen_t length = mp_local_name_to_sockaddr(name, &storage);
    return RETRY(bind(fd, (struct sockaddr *)&storage, length));
}

int mp_system_connect_local(int fd, const mp_local_name *name) {
    struct sockaddr_storage storage;
    socklen_t length = mp_local_name_to_sockaddr(name, &storage);
    return RETRY(connect(fd, (struct sockaddr *)&storage, length));
}

int mp_system_local_name(int fd, mp_local_name *name) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int result = getsockname(fd, (struct sockaddr *)&storage, &length);
    return result < 0 ? -errno : mp_local_name_from_sockaddr(name, &storage, length);
}

int mp_system_peer_local_name(int fd, mp_local_name *name) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int result = getpeername(fd, (struct sockaddr *)&storage, &length);
    return result < 0 ? -errno : mp_local_name_from_sockaddr(name, &storage, length);
}

bool mp_system_is_local(int fd) {
    mp_local_name name;
    int result = mp_system_local_name(fd, &name);
    return result == 0 || result == -ENOENT;
}

/* An abstract name is another one for each type of socket, so this tries to take it. */
int mp_system_knock(const mp_local_name *name) {
    int type = name->abstract ? SOCK_STREAM : SOCK_DGRAM;
    int fd = RETRY(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return fd;
    int result = name->abstract ? mp_system_bind_local(fd, name) : mp_system_connect_local(fd, name);
    if (name->abstract)
        result = result == 0 ? -ECONNREFUSED : result == -EADDRINUSE ? 0 : result;
    (void)close(fd);
    return result;
}

int mp_system_peer_credentials(int fd, pid_t *pid, uid_t *uid, gid_t *gid) {
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    *pid = peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
#else
    (void)fd, (void)pid, (void)uid, (void)gid;
    return -ENOTSUP;
#endif
}

int mp_system_set_socket_mode(int fd, mode_t mode) {
    return RETRY(fchmod(fd, mode));
}

int mp_system_set_file_access(const char *path, gid_t group, mode_t mode) {
    int result = 0;
    if (group != (gid_t)-1)
        result = RETRY(fchownat(AT_FDCWD, path, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW));
    return result < 0 ? result : RETRY(fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW));
}

int mp_system_find_group(const char *name, gid_t *group) {
    char buffer[16384];
    struct group entry, *found;
    int error = getgrnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (!found)
        return error > 0 ? -error : -ENOENT;
    *group = entry.gr_gid;
    return 0;
}

static int open_folder_of(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return RETRY(open(length > 0 ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int mp_system_lock_folder_of(const char *path) {
    const struct timespec pause = {.tv_nsec = LOCK_NANOSECONDS};
    int fd = open_folder_of(path);
    if (fd < 0)
        return fd;
    int result = -EAGAIN;
    for (int tries = 0; tries < LOCK_TRIES && result == -EAGAIN; tries++) {
        if (tries > 0)
            (void)nanosleep(&pause, NULL);
        result = RETRY(flock(fd, LOCK_EX | LOCK_NB));
    }
    if (result == 0)
        return fd;
    (void)close(fd);
    return result;
}

int mp_system_pair(int fds[2]) {
    int result = RETRY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    if (result == 0)
        (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return result;
}

int mp_system_duplicate(int fd) {
    return RETRY(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

/* Takes the descriptors out of a message, at most `room`; returns their number. */
static int take_descriptors(struct msghdr *message, int *fds, int room) {
    int taken = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (taken < room)
                fds[taken++] = fd;
            else
                (void)close(fd);
        }
    }
    return taken;
}

ssize_t mp_system_receive_descriptors(int fd, void *data, size_t size, int *fds, int *count) {
    union control control;
    struct iovec vector = {data, size};
    int room = *count < MOST_DESCRIPTORS ? *count : MOST_DESCRIPTORS;
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (room > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_LEN((size_t)room * sizeof(int));
    }
    ssize_t n = RETRY(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
    *count = n > 0 && room > 0 ? take_descriptors(&message, fds, room) : 0;
    return n;
}

ssize_t mp_system_send_descriptor(int fd, const struct iovec *vectors, int count, int descriptor) {
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vectors,
                             .msg_iovlen = (size_t)count,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(sizeof descriptor)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
}
