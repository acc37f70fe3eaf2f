/*
 * Any bytes from the master to the program of a worker that serves, with descriptors. It goes on, or ends
 * as it was told to, and no descriptor is lost.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"
#include "system/file.h"
#include "system/local.h"
#include "system/system.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __wrap_mp_system_exit(int status);
void __wrap_mp_system_end_in(unsigned seconds);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { LONGEST = 2000, QUIET = 6, MOST_TURNS = 3000, MOST_GIVEN = 8 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* --- the end of a process, which this one outlives ------------------------------------------------------ */

static jmp_buf ending;
static bool ended;

void __wrap_mp_system_exit(int status) {
    (void)status;
    ended = true;
    longjmp(ending, 1);
}

void __wrap_mp_system_end_in(unsigned seconds) {
    (void)seconds;
}

/* --- the master ----------------------------------------------------------------------------------------- */

static program self;
static ev_timer timer;
static int master;
static unsigned quiet, turns;

static void on_step(struct ev_loop *ev, ev_timer *it, int events) {
    static char answers[65536];
    (void)events;
    ssize_t n = recv(master, answers, sizeof answers, MSG_DONTWAIT);
    quiet = n > 0 ? 0 : quiet + 1;
    if (quiet < QUIET && ++turns < MOST_TURNS)
        return;
    ev_timer_stop(ev, it);
    if (self.stop.stage == STOP_NOT_BEGUN)
        (void)shutdown(master, SHUT_RDWR); /* gone */
}

/* begin(), from the script, in each generation */
static int begin(lua_State *L) {
    (void)L;
    if (turns > 0)
        return 0;
    turns = 1;
    ev_timer_init(&timer, on_step, 0., 0.0003);
    ev_timer_start(self.state->loop->ev, &timer);
    return 0;
}

/* The first line, and the input: a file of sources with each of its first bytes. */
static void speak(const uint8_t *data, size_t size, int given) {
    static const char start[] = "start 1 1\n";
    REQUIRE(send(master, start, sizeof start - 1, 0) == sizeof start - 1);
    for (; given > 0 && size > 0; given--, data++, size--) {
        static const char sources[] = "\x07\0\0\0\x07\0\0\0\0\0\0\0/x/y.luareturn 1";
        const struct iovec piece = {(void *)(uintptr_t)data, 1};
        int fd = mp_system_unnamed_file("fuzz");
        REQUIRE(fd >= 0 && mp_system_add_to_file(fd, sources, sizeof sources - 1) == 0);
        REQUIRE(mp_system_send_descriptor(master, &piece, 1, given % 3 == 0 ? STDERR_FILENO : fd) == 1);
        mp_system_close(fd);
    }
    REQUIRE(size == 0 || send(master, data, size, 0) == (ssize_t)size);
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 200; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* The stack of what ended by mp_system_exit is lost, and what it had. */
static void run(void) {
    if (setjmp(ending) == 0)
        (void)program_run(&self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const service =
        "local timer = require('moonport').Timer() function timer.timeout() end timer:start(1000) begin()";
    static char *arguments[] = {(char *)(uintptr_t) "moonport", NULL};
    int fds[2];
    if (size < 1 || size > LONGEST)
        return 0;
    const char **code = malloc(sizeof *code);
    REQUIRE(code && mp_system_pair(fds) == 0);
    *code = service;
    self = (program){.options = {.arguments = arguments,
                                 .argument_count = 1,
                                 .code = code,
                                 .code_count = 1,
                                 .grace = 1,
                                 .reload_timeout = 50,
                                 .rollback_errors = PROGRAM_NO_PROBATION,
                                 .work_threads = 1,
                                 .work_memory = 1,
                                 .worker = 1,
                                 .worker_count = 2,
                                 .channel = fds[0],
                                 .log_level = MP_LOG_NONE}};
    self.L = luaL_newstate();
    REQUIRE(self.L);
    lua_register(self.L, "begin", begin);
    master = fds[1];
    quiet = turns = 0;
    ended = false;
    speak(data + 1, size - 1, *data % MOST_GIVEN);
    run();
    (void)close(master);
    if (!ended && self.state) {
        ev_timer_stop(self.state->loop->ev, &timer);
        lua_close(self.L);
    }
    /* One more is the descriptor that program_hold_descriptor reserves, or not. */
    static int least;
    int now = open_descriptors();
    if (least == 0 || now < least || ended)
        least = now;

    REQUIRE(now <= least + 1);
    free(code);
    return 0;
}
