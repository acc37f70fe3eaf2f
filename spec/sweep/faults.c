/*
 * Preloaded into the program by the sweep: counts the calls of the functions below, wherever they come from
 * (libev, c-ares and Lua's io too), and fails those that the sweep names, with an errno or as a short count.
 * Both sides share the file that MOONPORT_FAULTS names; without it nothing fails. Where a real call has an
 * effect although it fails, it is made.
 * Longer than 400 lines: a function of the system beside the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* memory means malloc, calloc and realloc; fgets whatever reads a FILE, fwrite whatever writes one. */
/* clang-format off */
#define FUNCTIONS(X)                                                                                         \
    X(memory) X(mmap) X(mprotect)                                                                            \
    X(socket) X(bind) X(listen) X(accept4) X(connect) X(shutdown) X(getsockopt) X(setsockopt) X(getsockname) \
    X(recv) X(recvfrom) X(recvmsg) X(recvmmsg) X(send) X(sendmsg) X(sendmmsg) X(read) X(write)               \
    X(pipe2) X(splice) X(sendfile) X(flock) X(fchmod)                                                        \
    X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(eventfd) X(inotify_init1) X(inotify_add_watch) X(fcntl)    \
    X(waitid) X(clone) X(writev)                                                                             \
    X(ioctl) X(open) X(close) X(stat) X(fstat) X(lstat) X(readlink) X(fopen) X(fgets) X(fwrite) X(fclose)
/* clang-format on */

/* Their parameters have our names, not the C library's.
   NOLINTBEGIN(readability-inconsistent-declaration-parameter-name, clang-analyzer-valist.Uninitialized) */

enum function {
#define NUMBER(name) F_##name,
    FUNCTIONS(NUMBER)
#undef NUMBER
        F_COUNT
};

enum { ONE_BYTE = -1, HALF = -2 }; /* instead of an errno */

/* The same in faults.py. */
struct faults {
    uint32_t size;     /* of the names below */
    uint32_t function; /* which one fails, and */
    uint32_t from, to; /* which of its calls, the first is 1, to 0: none */
    int32_t error;     /* an errno, ONE_BYTE or HALF */
    uint32_t failed;   /* calls that have */
    uint32_t calls[64];
    char names[64][20];
};

static struct faults nothing, *faults = &nothing;

/* The function itself. It may be called before our constructor runs. */
#define REAL(name, result, ...)                                                                              \
    static result (*real)(__VA_ARGS__);                                                                      \
    if (!real)                                                                                               \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* Counts a call. -> 0, or what it fails with; an errno is set */
static int fault(enum function function) {
    uint32_t n = ++faults->calls[function];
    if (function != faults->function || n < faults->from || n > faults->to)
        return 0;
    faults->failed++;
    if (faults->error > 0)
        errno = faults->error;
    return faults->error;
}

__attribute__((constructor)) static void begin(void) {
    static const char *const names[] = {
#define NAME(name) #name,
        FUNCTIONS(NAME)
#undef NAME
    };
    const char *path = getenv("MOONPORT_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *shared = (void *)syscall(SYS_mmap, NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                                   0L);
    syscall(SYS_close, fd);
    if (shared == MAP_FAILED)
        return;
    faults = shared;
    for (size_t i = 0; i < F_COUNT; i++)
        strncpy(faults->names[i], names[i], sizeof faults->names[i] - 1);
    faults->size = F_COUNT;
}

/* Memory
   ------------------------------------------------------------------------------------------------------- */

void *malloc(size_t size) {
    REAL(malloc, void *, size_t);
    return fault(F_memory) ? NULL : real(size);
}

void *calloc(size_t count, size_t size) {
    REAL(calloc, void *, size_t, size_t);
    return fault(F_memory) ? NULL : real(count, size);
}

/* Shrinking never fails, but only the allocator knows the old size: so all but freeing may fail. */
void *realloc(void *old, size_t size) {
    REAL(realloc, void *, void *, size_t);
    return size > 0 && fault(F_memory) ? NULL : real(old, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    REAL(mmap, void *, void *, size_t, int, int, int, off_t);
    return fault(F_mmap) ? MAP_FAILED : real(address, size, protection, flags, fd, offset);
}

/* A function of which a call fails with -1 and an errno, and nothing else. */
#define FAILING(name, parameters, ...)                                                                       \
    int name parameters {                                                                                    \
        REAL(name, int, PARAMETERS parameters);                                                              \
        return fault(F_##name) > 0 ? -1 : real(__VA_ARGS__);                                                 \
    }
#define PARAMETERS(...) __VA_ARGS__

FAILING(mprotect, (void *address, size_t size, int protection), address, size, protection)

/* Sockets
   ------------------------------------------------------------------------------------------------------ */

FAILING(socket, (int family, int type, int protocol), family, type, protocol)
FAILING(bind, (int fd, const struct sockaddr *address, socklen_t length), fd, address, length)
FAILING(listen, (int fd, int backlog), fd, backlog)
FAILING(getsockopt, (int fd, int level, int name, void *value, socklen_t *length), fd, level, name, value,
        length)
FAILING(setsockopt, (int fd, int level, int name, const void *value, socklen_t length), fd, level, name,
        value, length)
FAILING(getsockname, (int fd, struct sockaddr *address, socklen_t *length), fd, address, length)

/* With one of the connection's own errors, accept(2) has taken the connection from the queue. */
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    REAL(accept4, int, int, struct sockaddr *, socklen_t *, int);
    int error = fault(F_accept4);
    if (error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
        error == EHOSTUNREACH) {
        int taken = real(fd, NULL, NULL, SOCK_CLOEXEC);
        if (taken >= 0)
            syscall(SYS_close, taken);
        errno = taken >= 0 ? error : EAGAIN;
        return -1;
    }
    return error > 0 ? -1 : real(fd, address, length, flags);
}

/* The name server's port is the sweep's. */
static const struct sockaddr *redirected(const struct sockaddr *address, struct sockaddr_in *instead) {
    const char *port = getenv("MOONPORT_FAULTS_PORT");
    if (!port || address->sa_family != AF_INET ||
        ((const struct sockaddr_in *)address)->sin_port != htons(53))
        return address;
    *instead = *(const struct sockaddr_in *)address;
    instead->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    return (struct sockaddr *)instead;
}

/* An interrupted connect(2) goes on. */
int connect(int fd, const struct sockaddr *address, socklen_t length) {
    REAL(connect, int, int, const struct sockaddr *, socklen_t);
    struct sockaddr_in instead;
    int error = fault(F_connect);
    address = redirected(address, &instead);
    if (error <= 0)
        return real(fd, address, length);
    if (error == EINTR)
        (void)real(fd, address, length);
    errno = error;
    return -1;
}

/* Counters and events of the kernel don't fail for the machine's reasons, and arrive whole, like
   datagrams. */
static mode_t kind_of(int fd) {
    REAL(fstat, int, int, struct stat *);
    struct stat status = {0};
    int error = errno;
    (void)real(fd, &status);
    errno = error;
    return status.st_mode & S_IFMT;
}

static bool is_stream(int fd) {
    int type = 0, error = errno;
    socklen_t length = sizeof type;
    mode_t kind = kind_of(fd);
    bool stream = kind == S_IFIFO || (kind == S_IFSOCK &&
                                      syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
                                      type == SOCK_STREAM);
    errno = error;
    return stream;
}

static size_t shortened(int fd, size_t size, int error) {
    if (error >= 0 || size < 2 || !is_stream(fd))
        return size;
    return error == ONE_BYTE ? 1 : size / 2;
}

/* After some errors a connection ends. */
static int end(int fd, int error) {
    if ((error == ECONNRESET || error == EPIPE || error == ETIMEDOUT || error == ENOTCONN) && is_stream(fd))
        syscall(SYS_shutdown, fd, SHUT_RDWR);
    if (error > 0)
        errno = error;
    return error;
}

int shutdown(int fd, int how) {
    REAL(shutdown, int, int, int);
    return end(fd, fault(F_shutdown)) > 0 ? -1 : real(fd, how);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    REAL(recv, ssize_t, int, void *, size_t, int);
    int error = end(fd, fault(F_recv));
    return error > 0 ? -1 : real(fd, data, shortened(fd, size, error), flags);
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *length) {
    REAL(recvfrom, ssize_t, int, void *, size_t, int, struct sockaddr *, socklen_t *);
    return fault(F_recvfrom) > 0 ? -1 : real(fd, data, size, flags, address, length);
}

ssize_t read(int fd, void *data, size_t size) {
    REAL(read, ssize_t, int, void *, size_t);
    int error = kind_of(fd) == 0 ? 0 : fault(F_read);
    return error > 0 ? -1 : real(fd, data, shortened(fd, size, error));
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(send, ssize_t, int, const void *, size_t, int);
    int error = end(fd, fault(F_send));
    return error > 0 ? -1 : real(fd, data, shortened(fd, size, error), flags);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write, ssize_t, int, const void *, size_t);
    int error = kind_of(fd) == 0 ? 0 : fault(F_write);
    return error > 0 ? -1 : real(fd, data, shortened(fd, size, error));
}

/* Copies the vectors, cut to the size that is asked for. -> how many */
static size_t shorten(int fd, struct iovec *copy, const struct iovec *vectors, size_t count, int error) {
    size_t size = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        size += vectors[i].iov_len;
    size = shortened(fd, size, error);
    for (; n < count && size > 0; n++) {
        copy[n] = vectors[n];
        if (copy[n].iov_len > size)
            copy[n].iov_len = size;
        size -= copy[n].iov_len;
    }
    return n;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg, ssize_t, int, const struct msghdr *, int);
    struct iovec copy[1024];
    struct msghdr less = *message;
    int error = end(fd, fault(F_sendmsg));
    if (error >= 0 || message->msg_iovlen > 1024)
        return error > 0 ? -1 : real(fd, message, flags);
    less.msg_iov = copy;
    less.msg_iovlen = shorten(fd, copy, message->msg_iov, message->msg_iovlen, error);
    return real(fd, &less, flags);
}

ssize_t writev(int fd, const struct iovec *vectors, int count) {
    REAL(writev, ssize_t, int, const struct iovec *, int);
    struct iovec copy[1024];
    int error = fault(F_writev);
    if (error >= 0 || count > 1024)
        return error > 0 ? -1 : real(fd, vectors, count);
    return real(fd, copy, (int)shorten(fd, copy, vectors, (size_t)count, error));
}

/* Processes
   ---------------------------------------------------------------------------------------------------- */

FAILING(pipe2, (int *fds, int flags), fds, flags)
FAILING(waitid, (idtype_t type, id_t id, siginfo_t *info, int options), type, id, info, options)

/* Of the arguments behind, only where the descriptor of the process goes. */
int clone(int (*run)(void *), void *stack, int flags, void *argument, ...) {
    REAL(clone, int, int (*)(void *), void *, int, void *, ...);
    va_list more;
    va_start(more, argument);
    int *process = flags & CLONE_PIDFD ? va_arg(more, int *) : NULL;
    va_end(more);
    return fault(F_clone) > 0 ? -1 : real(run, stack, flags, argument, process);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    REAL(recvmsg, ssize_t, int, struct msghdr *, int);
    struct iovec copy[1024], *vectors = message->msg_iov;
    size_t count = message->msg_iovlen;
    int error = end(fd, fault(F_recvmsg));
    if (error >= 0 || count > 1024)
        return error > 0 ? -1 : real(fd, message, flags);
    message->msg_iov = copy;
    message->msg_iovlen = shorten(fd, copy, vectors, count, error);
    ssize_t result = real(fd, message, flags);
    message->msg_iov = vectors;
    message->msg_iovlen = count;
    return result;
}

/* Of several datagrams, fewer come or leave. */
static unsigned fewer(unsigned count, int error) {
    return error >= 0 || count < 2 ? count : error == ONE_BYTE ? 1 : count / 2;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    REAL(recvmmsg, int, int, struct mmsghdr *, unsigned, int, struct timespec *);
    int error = fault(F_recvmmsg);
    return error > 0 ? -1 : real(fd, messages, fewer(count, error), flags, timeout);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    REAL(sendmmsg, int, int, struct mmsghdr *, unsigned, int);
    int error = fault(F_sendmmsg);
    return error > 0 ? -1 : real(fd, messages, fewer(count, error), flags);
}

ssize_t splice(int from, off64_t *at, int to, off64_t *where, size_t size, unsigned flags) {
    REAL(splice, ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned);
    int error = fault(F_splice);
    (void)end(error == EPIPE ? to : from, error);
    return error > 0 ? -1 : real(from, at, to, where, shortened(from, size, error), flags);
}

ssize_t sendfile(int to, int from, off_t *at, size_t size) {
    REAL(sendfile, ssize_t, int, int, off_t *, size_t);
    int error = end(to, fault(F_sendfile));
    return error > 0 ? -1 : real(to, from, at, shortened(to, size, error));
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    return sendfile(to, from, at, size);
}

/* The loop
   ----------------------------------------------------------------------------------------------------- */

FAILING(epoll_create1, (int flags), flags)
FAILING(epoll_ctl, (int poll, int operation, int fd, struct epoll_event *event), poll, operation, fd, event)
FAILING(epoll_wait, (int poll, struct epoll_event *events, int count, int msec), poll, events, count, msec)
FAILING(eventfd, (unsigned count, int flags), count, flags)
FAILING(inotify_init1, (int flags), flags)
FAILING(inotify_add_watch, (int fd, const char *path, uint32_t mask), fd, path, mask)

int fcntl(int fd, int command, ...) {
    REAL(fcntl, int, int, int, ...);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fault(F_fcntl) > 0 ? -1 : real(fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...) {
    REAL(ioctl, int, int, unsigned long, ...);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fault(F_ioctl) > 0 ? -1 : real(fd, request, argument);
}

/* Files
   -------------------------------------------------------------------------------------------------------- */

/* resolv.conf is the sweep's. */
static const char *path_of(const char *path) {
    const char *instead = strcmp(path, "/etc/resolv.conf") == 0 ? getenv("MOONPORT_FAULTS_RESOLV") : NULL;
    return instead ? instead : path;
}

int open(const char *path, int flags, ...) {
    REAL(open, int, const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fault(F_open) > 0 ? -1 : real(path_of(path), flags, mode);
}

/* The descriptor is free, whatever close(2) returns. */
int close(int fd) {
    REAL(close, int, int);
    int result = real(fd), error = fault(F_close);
    return error > 0 ? -1 : result;
}

FAILING(stat, (const char *path, struct stat *status), path_of(path), status)
FAILING(fstat, (int fd, struct stat *status), fd, status)
FAILING(flock, (int fd, int operation), fd, operation)
FAILING(fchmod, (int fd, mode_t mode), fd, mode)
FAILING(lstat, (const char *path, struct stat *status), path, status)

ssize_t readlink(const char *path, char *target, size_t size) {
    REAL(readlink, ssize_t, const char *, char *, size_t);
    return fault(F_readlink) > 0 ? -1 : real(path, target, size);
}

FILE *fopen(const char *path, const char *mode) {
    REAL(fopen, FILE *, const char *, const char *);
    return fault(F_fopen) > 0 ? NULL : real(path_of(path), mode);
}

FILE *fopen64(const char *path, const char *mode) {
    return fopen(path, mode);
}

/* A stream on which a transfer has failed remembers it. */
static void mark(FILE *file) {
    file->_flags |= 0x20; /* glibc's _IO_ERR_SEEN */
}

char *fgets(char *line, int size, FILE *file) {
    REAL(fgets, char *, char *, int, FILE *);
    if (fault(F_fgets) <= 0)
        return real(line, size, file);
    mark(file);
    return NULL;
}

size_t fread(void *data, size_t size, size_t count, FILE *file) {
    REAL(fread, size_t, void *, size_t, size_t, FILE *);
    if (fault(F_fgets) <= 0)
        return real(data, size, count, file);
    mark(file);
    return 0;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    REAL(fwrite, size_t, const void *, size_t, size_t, FILE *);
    if (fault(F_fwrite) <= 0)
        return real(data, size, count, file);
    mark(file);
    return 0;
}

int fflush(FILE *file) {
    REAL(fflush, int, FILE *);
    if (!file || fault(F_fwrite) <= 0)
        return real(file);
    mark(file);
    return EOF;
}

int fclose(FILE *file) {
    REAL(fclose, int, FILE *);
    int result = real(file);
    return fault(F_fclose) > 0 ? EOF : result;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name, clang-analyzer-valist.Uninitialized) */
