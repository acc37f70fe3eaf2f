/*
 * spec.posix: child processes and plain sockets for spec/helper.lua, as thin as can be. Only poll() waits, at
 * most for its time-out; all descriptors are non-blocking and close-on-exec. Not part of the product.
 * Longer than 400 lines: one Lua module of small functions beside each other.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* -> nil, message, errno, to compare with posix.EAGAIN and so on */
static int failure(lua_State *L, int code) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(code));
    lua_pushinteger(L, code);
    return 3;
}

static int result(lua_State *L, lua_Integer value) {
    if (value < 0)
        return failure(L, errno);
    lua_pushinteger(L, value);
    return 1;
}

static int fd_argument(lua_State *L, int index) {
    return (int)luaL_checkinteger(L, index);
}

/* now() -> milliseconds, monotonic */
static int now(lua_State *L) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    lua_pushnumber(L, (lua_Number)time.tv_sec * 1e3 + (lua_Number)time.tv_nsec / 1e6);
    return 1;
}

/* poll(fd, "r" | "w", milliseconds) -> true if ready, an error or the end of the stream included */
static int poll_one(lua_State *L) {
    struct pollfd entry = {.fd = fd_argument(L, 1)};

    entry.events = *luaL_checkstring(L, 2) == 'w' ? POLLOUT : POLLIN;
    lua_pushboolean(L, poll(&entry, 1, (int)luaL_checknumber(L, 3)) > 0);
    return 1;
}

/* read(fd, maximum) -> bytes, "" at the end | nil, message, errno */
static int read_some(lua_State *L) {
    size_t maximum = (size_t)luaL_checkinteger(L, 2);
    luaL_Buffer buffer;
    char *space = luaL_buffinitsize(L, &buffer, maximum);
    ssize_t got = read(fd_argument(L, 1), space, maximum);

    if (got < 0)
        return failure(L, errno);
    luaL_pushresultsize(&buffer, (size_t)got);
    return 1;
}

/* write(fd, bytes[, from]) -> number taken | nil, message, errno. Ignores SIGPIPE only here, so that the
   specs see whether the product needs to. */
static int write_some(lua_State *L) {
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    size_t from = (size_t)luaL_optinteger(L, 3, 1) - 1;
    int fd = fd_argument(L, 1), code;
    ssize_t taken;
    void (*before)(int);

    luaL_argcheck(L, from <= size, 3, "past the end");
    before = signal(SIGPIPE, SIG_IGN);
    taken = write(fd, data + from, size - from);
    code = errno;
    signal(SIGPIPE, before);
    errno = code;
    return result(L, taken);
}

static int close_fd(lua_State *L) {
    return result(L, close(fd_argument(L, 1)));
}

/* The numeric host at index host and the port after it. */
static socklen_t address_argument(lua_State *L, int host, struct sockaddr_storage *address, int *family) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    const char *port = luaL_checkstring(L, host + 1); /* converts the number in place */
    int code = getaddrinfo(luaL_checkstring(L, host), port, &hints, &found);
    socklen_t size;

    if (code != 0)
        luaL_error(L, "%s: %s", lua_tostring(L, host), gai_strerror(code));
    size = found->ai_addrlen;
    *family = found->ai_family;
    memcpy(address, found->ai_addr, size);
    freeaddrinfo(found);
    return size;
}

/* connect(host, port[, receiveBuffer]) -> fd, already connected or still connecting | nil, message, errno */
static int connect_tcp(lua_State *L) {
    struct sockaddr_storage address;
    int family, fd, space = (int)luaL_optinteger(L, 3, 0);
    socklen_t size = address_argument(L, 1, &address, &family);

    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failure(L, errno);
    if (space > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof space);
    if (connect(fd, (struct sockaddr *)&address, size) != 0 && errno != EINPROGRESS) {
        int code = errno;

        close(fd);
        return failure(L, code);
    }
    lua_pushinteger(L, fd);
    return 1;
}

/* listen(host, port, backlog) -> fd | nil, message, errno; a negative backlog binds without listening */
static int listen_tcp(lua_State *L) {
    struct sockaddr_storage address;
    int family, fd, yes = 1, backlog = (int)luaL_optinteger(L, 3, 16);
    socklen_t size = address_argument(L, 1, &address, &family);

    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failure(L, errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || (backlog >= 0 && listen(fd, backlog) != 0)) {
        int code = errno;

        close(fd);
        return failure(L, code);
    }
    lua_pushinteger(L, fd);
    return 1;
}

/* accept(fd) -> fd | nil, message, errno */
static int accept_tcp(lua_State *L) {
    return result(L, accept4(fd_argument(L, 1), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/* socketError(fd) -> 0 or the errno that a connect in progress ended with */
static int socket_error(lua_State *L) {
    int code = 0;
    socklen_t size = sizeof code;

    if (getsockopt(fd_argument(L, 1), SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        code = errno;
    lua_pushinteger(L, code);
    lua_pushstring(L, strerror(code));
    return 2;
}

/* localPort(fd) -> port | nil, message, errno */
static int local_port(lua_State *L) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t size = sizeof address;

    if (getsockname(fd_argument(L, 1), &address.any, &size) != 0)
        return failure(L, errno);
    return result(L, ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port));
}

/* shutdown(fd, "read" | "write" | "both") -> 0 | nil, message, errno */
static int shutdown_socket(lua_State *L) {
    static const char *const names[] = {"read", "write", "both", NULL};
    static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};

    return result(L, shutdown(fd_argument(L, 1), ways[luaL_checkoption(L, 2, "write", names)]));
}

/* reset(fd): closes with a RST, by SO_LINGER of no time -> 0 | nil, message, errno */
static int reset_socket(lua_State *L) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    int fd = fd_argument(L, 1);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    return result(L, close(fd));
}

/* limitDescriptors(n) -> the soft limit before | nil, message, errno */
static int limit_descriptors(lua_State *L) {
    struct rlimit limit;
    rlim_t before;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return failure(L, errno);
    before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
    return result(L, setrlimit(RLIMIT_NOFILE, &limit) != 0 ? -1 : (lua_Integer)before);
}

static void close_pair(int *pair) {
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
    }
}

/* In the child: sets stdin, stdout, stderr and the signals as a shell does; returns only if it fails. */
static void become(const char **arguments, const char **variables, const int ends[3]) {
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 3; i++) {
        if (dup2(ends[i], i) < 0)
            return;
    }
    for (; *variables != NULL; variables++) {
        if (strchr(*variables, '=') != NULL)
            putenv((char *)*variables);
        else
            unsetenv(*variables);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execvp(arguments[0], (char *const *)arguments);
}

/* Makes a NULL-ended array of the strings of the list at index, and leaves it on the stack as a userdata. The
   list owns the strings. */
static const char **strings_argument(lua_State *L, int index) {
    lua_Integer count = luaL_len(L, index);
    const char **list = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *list, 0);

    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_geti(L, index, i) != LUA_TSTRING)
            luaL_error(L, "item %d of the list is no string", (int)i);
        list[i - 1] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    list[count] = NULL;
    return list;
}

/* spawn({ program, argument, … }, { "NAME=value", "NAME to unset", … }) -> pid, stdin, stdout, stderr | nil,
   message, errno */
static int spawn(lua_State *L) {
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, code;
    const char **arguments, **variables;
    pid_t child;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    arguments = strings_argument(L, 1);
    variables = strings_argument(L, 2);
    luaL_argcheck(L, arguments[0] != NULL, 1, "no program");
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            goto fail;
        fcntl(pipes[i][i == 0], F_SETFL, O_NONBLOCK); /* our end: we write to stdin and read the others */
    }
    child = fork();
    if (child < 0)
        goto fail;
    if (child == 0) {
        become(arguments, variables, (const int[3]){pipes[0][0], pipes[1][1], pipes[2][1]});
        dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    lua_pushinteger(L, child);
    for (int i = 0; i < 3; i++) {
        close(pipes[i][i != 0]);
        lua_pushinteger(L, pipes[i][i == 0]);
    }
    return 4;
fail:
    code = errno;
    for (int i = 0; i < 3; i++)
        close_pair(pipes[i]);
    return failure(L, code);
}

/* wait(pid) -> false while it runs | "exited", status | "signalled", number | nil, message, errno */
static int wait_child(lua_State *L) {
    int status;
    pid_t child = waitpid((pid_t)luaL_checkinteger(L, 1), &status, WNOHANG);

    if (child < 0)
        return failure(L, errno);
    if (child == 0) {
        lua_pushboolean(L, 0);
        return 1;
    }
    lua_pushstring(L, WIFEXITED(status) ? "exited" : "signalled");
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 2;
}

/* kill(pid, signal) -> 0 | nil, message, errno */
static int kill_child(lua_State *L) {
    lua_Integer child = luaL_checkinteger(L, 1);

    luaL_argcheck(L, child > 1, 1, "not a child's pid");
    return result(L, kill((pid_t)child, (int)luaL_checkinteger(L, 2)));
}

static int two_descriptors(lua_State *L, const int fds[2]) {
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        lua_pushinteger(L, fds[i]);
    }
    return 2;
}

/* socketPair() -> fd, fd of a connected pair of Unix-domain stream sockets | nil, message, errno */
static int socket_pair(lua_State *L) {
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return failure(L, errno);
    return two_descriptors(L, fds);
}

/* pipe() -> fd to read from, fd to write to | nil, message, errno */
static int make_pipe(lua_State *L) {
    int fds[2];

    if (pipe(fds) != 0)
        return failure(L, errno);
    return two_descriptors(L, fds);
}

/* socket() -> fd of an IPv4 stream socket, unconnected and blocking | nil, message, errno */
static int make_socket(lua_State *L) {
    return result(L, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* dup(fd) -> another descriptor of the same file | nil, message, errno */
static int duplicate(lua_State *L) {
    return result(L, fcntl((int)luaL_checkinteger(L, 1), F_DUPFD_CLOEXEC, 0));
}

static bool collecting;

static void collect(lua_State *L, lua_Debug *unused) {
    (void)unused;
    if (collecting)
        lua_gc(L, LUA_GCCOLLECT);
}

/* collectEvery(n): a full collection at each n-th instruction of this thread and of those that it makes from
   now on, until collectEvery(0). */
static int collect_every(lua_State *L) {
    int count = (int)luaL_checkinteger(L, 1);
    collecting = count > 0;
    lua_sethook(L, collecting ? collect : NULL, collecting ? LUA_MASKCOUNT : 0, count);
    return 0;
}

static const luaL_Reg functions[] = {
    {"collectEvery", collect_every},
    {"now", now},
    {"poll", poll_one},
    {"read", read_some},
    {"write", write_some},
    {"close", close_fd},
    {"connect", connect_tcp},
    {"listen", listen_tcp},
    {"accept", accept_tcp},
    {"socketPair", socket_pair},
    {"pipe", make_pipe},
    {"socket", make_socket},
    {"dup", duplicate},
    {"socketError", socket_error},
    {"localPort", local_port},
    {"shutdown", shutdown_socket},
    {"reset", reset_socket},
    {"limitDescriptors", limit_descriptors},
    {"spawn", spawn},
    {"wait", wait_child},
    {"kill", kill_child},
    {NULL, NULL},
};

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"EAGAIN", EAGAIN},     {"ECONNRESET", ECONNRESET}, {"EPIPE", EPIPE},     {"ECHILD", ECHILD},
    {"SIGHUP", SIGHUP},     {"SIGINT", SIGINT},         {"SIGQUIT", SIGQUIT}, {"SIGKILL", SIGKILL},
    {"SIGTERM", SIGTERM},   {"SIGUSR1", SIGUSR1},       {"SIGUSR2", SIGUSR2}, {"SIGSTOP", SIGSTOP},
    {"SIGWINCH", SIGWINCH}, {"SIGCONT", SIGCONT},       {"SIGPIPE", SIGPIPE},
};

int luaopen_spec_posix(lua_State *L);

int luaopen_spec_posix(lua_State *L) {
    luaL_newlib(L, functions);
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    return 1;
}
