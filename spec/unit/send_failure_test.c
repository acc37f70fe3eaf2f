/*
 * Sending fails, by the linker's --wrap for send and sendmsg, with errors that no peer causes. Temporary
 * errors are retried, each time a moment later; all others are reported.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "service.h"

static struct { int error, times, calls; } sends;

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static bool fails(void) {
    sends.calls++;
    if (sends.times == 0)
        return false;
    sends.times--;
    errno = sends.error;
    return true;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags) {
    return fails() ? -1 : __real_send(fd, data, size, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    return fails() ? -1 : __real_sendmsg(fd, message, flags);
}

static const char service[] =
    "local moonport = require 'moonport'\n"
    "local socket = moonport.TcpSocket()\n"
    "log = ''\n"
    "function socket:errorOccurred(code) log = log .. code .. ' ' end\n"
    "function socket:disconnected() log = log .. self:readAll() .. ' disconnected' end\n"
    "function socket:bytesWritten(n) log = log .. n .. ' ' end\n"
    "function socket:readyRead()\n"
    "  local word = self:peek(100)\n"
    "  if word == 'again' then self:write('+') self:flush() return end\n"
    "  if word == 'close' then self:write('bye') self:close() return end\n"
    "  self:write('a') self:write('b')\n"
    "end\n"
    "assert(socket:setSocketDescriptor(...))\n";

typedef struct service_run {
    lua_State *L;
    binding_state *state;
    int peer;
} service_run;

static service_run begin(void) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    lua_State *L = luaL_newstate();
    memset(&sends, 0, sizeof sends);
    return (service_run){L, start_service(L, service, ends[0]), ends[1]};
}

static void end(service_run *run) {
    lua_close(run->L);
    close(run->peer);
}

static const char *told(service_run *run) {
    lua_getglobal(run->L, "log");
    const char *text = lua_tostring(run->L, -1);
    lua_pop(run->L, 1);
    return text;
}

static void say(service_run *run, const char *word) {
    assert_int_equal(__real_send(run->peer, word, strlen(word), MSG_NOSIGNAL), strlen(word));
    for (int i = 0; i < 5; i++)
        turn(run->state);
}

/* Runs turns, with time between them, until the peer has received so many bytes. */
static void hear(service_run *run, const char *expected) {
    const struct timespec pause = {.tv_nsec = 1000000};
    char got[64] = "";
    size_t size = 0;
    for (int i = 0; i < 5000 && size < strlen(expected); i++) {
        turn(run->state);
        ssize_t n = recv(run->peer, got + size, sizeof got - size - 1, 0);
        size += n > 0 ? (size_t)n : 0;
        nanosleep(&pause, NULL);
    }
    assert_string_equal(got, expected);
}

static const int passing[] = {ENOBUFS, ENOMEM};

static void tries_again_what_passes(void **unused) {
    (void)unused;
    for (int i = 0; i < 2; i++) {
        service_run run = begin();
        sends.error = passing[i];
        sends.times = 3;
        say(&run, "x");
        for (int k = 0; k < 1000; k++)
            turn(run.state);
        assert_in_range(sends.calls, 1, 4); /* a moment later each time, and not in each turn */
        say(&run, "again");                 /* queued after it, and flushed by the script */
        assert_in_range(sends.calls, 1, 4);
        hear(&run, "abab");
        assert_int_equal(sends.times, 0);
        end(&run);
    }
}

static void closes_behind_what_was_tried_again(void **unused) {
    (void)unused;
    service_run run = begin();
    sends.error = ENOBUFS;
    sends.times = 2;
    say(&run, "close");
    hear(&run, "bye");
    for (int i = 0; i < 5; i++)
        turn(run.state);
    assert_string_equal(told(&run), "3  disconnected");
    end(&run);
}

static void ends_while_it_waits_to_try_again(void **unused) {
    (void)unused;
    service_run run = begin();
    sends.error = ENOBUFS;
    sends.times = 1000000;
    say(&run, "x");
    end(&run); /* nothing of it remains */
    run = begin();
    sends.error = ENOBUFS;
    sends.times = 1000000;
    say(&run, "x");
    close(run.peer);
    for (int i = 0; i < 5; i++)
        turn(run.state);
    lua_close(run.L);
}

static void tells_of_what_does_not_pass(void **unused) {
    static const struct {
        int error;
        const char *code;
    } rows[] = {
        {EPERM, "SocketAccessError"},   {EACCES, "SocketAccessError"}, {ENETDOWN, "NetworkError"},
        {EHOSTUNREACH, "NetworkError"}, {EIO, "NetworkError"},         {EINVAL, "NetworkError"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[64], byte;
        service_run run = begin();
        sends.error = rows[i].error;
        sends.times = 1;
        say(&run, "x");
        snprintf(expected, sizeof expected, "%s x disconnected", rows[i].code);
        assert_string_equal(told(&run), expected); /* what was read before stays */
        assert_int_equal(recv(run.peer, &byte, 1, 0), 0);
        end(&run);
    }
}

/* The peer has left: its earlier bytes are still read. */
static void reads_to_the_end_where_the_peer_has_gone(void **unused) {
    static const int errors[] = {EPIPE, ECONNRESET};
    (void)unused;
    for (int i = 0; i < 2; i++) {
        service_run run = begin();
        sends.error = errors[i];
        sends.times = 1;
        say(&run, "x");
        assert_string_equal(told(&run), "");
        say(&run, "y");
        close(run.peer);
        for (int k = 0; k < 5; k++)
            turn(run.state);
        assert_string_equal(told(&run), "RemoteHostClosedError xy disconnected");
        lua_close(run.L);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_again_what_passes),
        cmocka_unit_test(closes_behind_what_was_tried_again),
        cmocka_unit_test(ends_while_it_waits_to_try_again),
        cmocka_unit_test(tells_of_what_does_not_pass),
        cmocka_unit_test(reads_to_the_end_where_the_peer_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
