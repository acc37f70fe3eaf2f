/*
 * For every n, the n-th allocation after the start of a reload fails: that one, or all until the reload has
 * ended. It fails in Lua's allocator, and in malloc, calloc and realloc of host/ and bindings/. Whether the
 * reload then succeeds or fails, the existing connection and a new one are served, and nothing leaks.
 * #thorough: it computes for long
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "allocation_sweep.h"
#include "run.h"
#include "service.h"

#define PATIENCE 20000.0 /* milliseconds */

/* A connection's handlers come from the prototype of both generations, or only of the second. */
static const char both[] = "local before = false\n";
static const char second[] = "local before = require('moonport').generation() == 1\n";

static const char service[] =
    "local moonport = require 'moonport'\n"
    "local part = require 'part'\n"
    "local server = moonport.TcpServer()\n"
    "local seen = moonport.persist('seen', {})\n"
    "local function answer(self)\n"
    "  seen[self] = part self:write(self:readAll():sub(1, 3) .. moonport.generation())\n"
    "end\n"
    "if before then\n"
    "  function server:newConnection() self:nextPendingConnection().readyRead = answer end\n"
    "else\n"
    "  server.connection.readyRead = answer\n"
    "end\n"
    "function server:connectionResumed(socket)\n"
    "  socket.readyRead = nil\n"
    "  function socket:bytesWritten() self.generation = moonport.generation() end\n"
    "end\n"
    "local timer, mine = moonport.Timer(), moonport.generation()\n"
    "function timer:timeout() tick(mine) end\n"
    "timer:start(5)\n"
    "moonport.onReload(function(ok, report) seen.ok, seen.error = ok, report.error end)\n"
    "moonport.singleShot(60000, print)\n"
    "assert(server:listen('127.0.0.1', 0))\n"
    "if moonport.generation() == 1 then begin(server:serverPort()) end\n";

/* What the test does beside the program's loop, one step at a time. */
typedef struct driver {
    program *self;
    ev_timer timer;
    int port, fd, step;
    double started;
    failure *which;
    unsigned from, to;
    unsigned ticks[3], noted[3]; /* of each generation's timer; when the reload had ended */
} driver;

static driver the_driver;
static bool own_handler; /* the connection has a handler of its own */

static void ask(int fd) {
    assert_int_equal(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
}

/* True if the answer has arrived. The connection must exist, and the answer must come from `generation`, if
   it isn't 0. */
static bool is_answered(int fd, unsigned generation) {
    char answer[5];
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    assert_true(n == 4 || (n < 0 && errno == EAGAIN));
    if (n == 4 && generation > 0)
        assert_int_equal(answer[3], '0' + (int)generation);
    return n == 4;
}

static void on_step(struct ev_loop *ev, ev_timer *timer, int revents) {
    driver *d = timer->data;
    program *self = d->self;
    (void)revents;
    assert_true(mp_loop_now() < d->started + PATIENCE);
    switch (d->step) {
    case 0:
        d->fd = connect_client(d->port);
        ask(d->fd);
        break;
    case 1:
        if (!is_answered(d->fd, 1))
            return;
        *d->which = (failure){.armed = true, .from = d->from, .to = d->to};
        assert_true(program_want_reload(&self->reload));
        break;
    case 2:
        if (self->reload.report.reloads + self->reload.report.failures == 0)
            return;
        d->which->armed = false;
        assert_null(self->state->generations.staging);
        memcpy(d->noted, d->ticks, sizeof d->ticks);
        ask(d->fd);
        break;
    case 3: {
        /* Exactly one of the two generations has its timers; one timeout may already have been due. */
        unsigned serves = self->state->generations.current->number, other = 3 - serves;
        assert_true(d->ticks[other] <= d->noted[other] + 1);
        /* If a handler of its own hides the prototype's, connectionResumed may have failed to remove it. */
        if (!is_answered(d->fd, own_handler ? 0 : serves))
            return;
        break;
    }
    case 4: {
        unsigned serves = self->state->generations.current->number;
        /* A timer of the first generation may have failed meanwhile; then it is stopped. */
        if (serves == 2 && d->ticks[serves] < d->noted[serves] + 2)
            return;
        assert_true(d->ticks[3 - serves] <= d->noted[3 - serves] + 1);
        close(d->fd);
        d->fd = connect_client(d->port);
        ask(d->fd);
        break;
    }
    case 5:
        if (!is_answered(d->fd, self->state->generations.current->number))
            return;
        close(d->fd);
        ev_timer_stop(ev, timer);
        self->state->host->quit(self->state);
        mp_loop_settle(self->state->loop);
    }
    d->step++;
}

/* tick(generation) */
static int tick(lua_State *L) {
    the_driver.ticks[luaL_checkinteger(L, 1)]++;
    return 0;
}

/* begin(port) */
static int begin(lua_State *L) {
    driver *d = &the_driver;
    d->port = (int)luaL_checkinteger(L, 1);
    ev_timer_init(&d->timer, on_step, 0., 0.0005);
    d->timer.data = d;
    ev_timer_start(d->self->state->loop->ev, &d->timer);
    return 0;
}

#define FOLDER "/tmp/moonport-reload-XXXXXX"
static char folder[sizeof FOLDER], script[sizeof FOLDER + 16], module[sizeof FOLDER + 16];

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int write_files(const char *handlers) {
    char text[sizeof service + sizeof second];
    snprintf(folder, sizeof folder, "%s", FOLDER);
    assert_non_null(mkdtemp(folder));
    snprintf(script, sizeof script, "%s/main.lua", folder);
    snprintf(module, sizeof module, "%s/part.lua", folder);
    snprintf(text, sizeof text, "%s%s", handlers, service);
    write_file(script, text);
    write_file(module, "return 'part'\n");
    return 0;
}

static int write_both(void **unused) {
    (void)unused;
    own_handler = false;
    return write_files(both);
}

static int write_second(void **unused) {
    (void)unused;
    own_handler = true;
    return write_files(second);
}

static int remove_files(void **unused) {
    (void)unused;
    unlink(script);
    unlink(module);
    return rmdir(folder);
}

/* Runs the service with one reload; false if the reload made fewer allocations than would fail. */
static bool try_failure(failure *which, unsigned from, unsigned to) {
    char *arguments[] = {(char *)(uintptr_t) "moonport", script, NULL};
    program self = {.options = {.script = script,
                                .arguments = arguments,
                                .argument_count = 2,
                                .script_index = 1,
                                .grace = PROGRAM_GRACE,
                                .reload_timeout = PROGRAM_RELOAD_TIMEOUT,
                                .rollback_errors = 50,
                                .log_level = MP_LOG_NONE,
                                .watch = true}};
    self.L = lua_newstate(allocate, NULL);
    assert_non_null(self.L);
    lua_register(self.L, "begin", begin);
    lua_register(self.L, "tick", tick);
    the_driver = (driver){.self = &self, .started = mp_loop_now(), .which = which, .from = from, .to = to};
    assert_int_equal(program_run(&self), 0);
    assert_int_equal(the_driver.step, 6);
    assert_int_equal(self.reload.report.reloads + self.reload.report.failures, 1);
    lua_close(self.L);
    return which->count >= from;
}

int main(void) {
    const struct CMUnitTest tests[] = {SWEEPS(try_failure, 100, 1)};
    int failed = cmocka_run_group_tests_name("both have the prototype", tests, write_both, remove_files);
    return failed + cmocka_run_group_tests_name("the second has it", tests, write_second, remove_files);
}
