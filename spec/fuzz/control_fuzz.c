/*
 * Any bytes from two visitors of the control socket, of a program with a service: one sends them at once,
 * the other in pieces. Answers are whole lines of JSON objects, both visitors get as many, and an end of
 * the visitor is seen. `eval` takes its text and doesn't run it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <ev.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operate/commands.h"
#include "run.h"
#include "system/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { LONGEST = 2000, VISITORS = 2, QUIET = 4, MOST_TURNS = 4000, PIECE = 7 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* --- commands ------------------------------------------------------------------------------------------- */

/* As eval, whose text would be anything. */
static void begin_echo(program_visitor *visitor) {
    REQUIRE(visitor->text_size < PROGRAM_COMMAND);
    program_json_open(&visitor->out, NULL);
    program_json_number(&visitor->out, "size", (double)visitor->text_size);
    program_json_end(&visitor->out);
    program_end_answer(visitor, NULL);
    program_send_soon(visitor);
}

static const program_command *commands[32];
static program_command echo;

static void copy_commands(void) {
    size_t count = 0;
    for (const program_command *const *it = program_commands; *it; it++, count++) {
        REQUIRE(count + 1 < sizeof commands / sizeof *commands);
        commands[count] = *it;
        if (*it != &program_eval_command)
            continue;
        echo = **it;
        echo.begin = begin_echo;
        echo.more = NULL;
        commands[count] = &echo;
    }
}

/* --- visitors ------------------------------------------------------------------------------------------- */

typedef struct guest {
    program_visitor visitor;
    int fd;
    size_t sent, answers; /* answers: that have ended */
    char line[1 << 16];   /* that is being read */
    size_t length;
    bool closed, over;
} guest;

static program *the_program;
static guest guests[VISITORS];
static ev_timer timer;
static const uint8_t *input;
static size_t input_size;
static unsigned quiet, turns;

static bool ends_answer(const char *line) {
    static const char done[] = "{\"done\":true}", error[] = "{\"error\":\"";
    return strcmp(line, done) == 0 || strncmp(line, error, sizeof error - 1) == 0;
}

static void read_answers(guest *it) {
    static char text[65536];
    ssize_t n;
    while ((n = recv(it->fd, text, sizeof text, MSG_DONTWAIT)) > 0) {
        quiet = 0;
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] != '\n') {
                REQUIRE(it->length + 1 < sizeof it->line && (unsigned char)text[i] >= ' ');
                it->line[it->length++] = text[i];
                continue;
            }
            REQUIRE(it->length >= 2 && *it->line == '{' && it->line[it->length - 1] == '}');
            it->line[it->length] = '\0';
            it->answers += ends_answer(it->line);
            it->length = 0;
        }
    }
    it->over = it->over || n == 0 || errno == ECONNRESET;
}

static void send_some(guest *it, size_t most) {
    size_t left = input_size - it->sent;
    if (it->over || left == 0)
        return;
    ssize_t n = send(it->fd, input + it->sent, left < most ? left : most, MSG_DONTWAIT | MSG_NOSIGNAL);
    it->sent += n > 0 ? (size_t)n : left; /* it refuses more */
    quiet = 0;
}

/* True if all that was sent is answered as far as it ever will be. */
static bool rests(void) {
    return ++quiet > QUIET || ++turns > MOST_TURNS;
}

static void on_step(struct ev_loop *ev, ev_timer *it, int events) {
    (void)events;
    send_some(&guests[0], SIZE_MAX);
    send_some(&guests[1], PIECE);
    for (int i = 0; i < VISITORS; i++)
        read_answers(&guests[i]);
    if (!rests())
        return;
    for (int i = 0; i < VISITORS; i++) {
        if (!guests[i].closed)
            (void)shutdown(guests[i].fd, SHUT_WR);
        guests[i].closed = true;
    }
    if (quiet < 2 * QUIET && turns <= MOST_TURNS)
        return;
    ev_timer_stop(ev, it);
    the_program->state->host->quit(the_program->state);
    mp_loop_settle(the_program->state->loop);
}

/* begin(), from the script */
static int begin(lua_State *L) {
    program *self = the_program;
    (void)L;
    for (int i = 0; i < VISITORS; i++) {
        int fds[2];
        REQUIRE(mp_system_pair(fds) == 0);
        guests[i].fd = fds[1];
        program_begin_visit(&guests[i].visitor, self->state, fds[0], commands);
        REQUIRE(program_is_visiting(&guests[i].visitor));
    }
    ev_timer_init(&timer, on_step, 0., 0.0002);
    ev_timer_start(self->state->loop->ev, &timer);
    return 0;
}

static const char *service =
    "local moonport = require 'moonport'\n"
    "local server, socket, timer = moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer()\n"
    "function server.connection:readyRead() end\n"
    "function server:newConnection() self:nextPendingConnection() end\n"
    "function timer:timeout() end\n"
    "assert(server:listen 'unix:@moonport-control-fuzz')\n"
    "socket:connectToHost 'unix:@moonport-control-fuzz'\n"
    "timer:start(1000)\n"
    "moonport.spawn(function() moonport.sleep(60000) end)\n"
    "begin()\n";

/* The words whose answers depend on when they are asked, or that end the program. */
static bool is_steady(void) {
    static const char *const words[] = {"profile", "trace", "stop", "drain", "close", "reload", "rollback"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(input, input_size, words[i], strlen(words[i])))
            return false;
    return turns <= MOST_TURNS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *arguments[] = {(char *)(uintptr_t) "moonport", NULL};
    if (size > LONGEST)
        return 0;
    const char **code = calloc(1, sizeof *code);
    REQUIRE(code);
    *code = service;
    program self = {.options = {.arguments = arguments,
                                .argument_count = 1,
                                .code = code,
                                .code_count = 1,
                                .grace = 1,
                                .reload_timeout = PROGRAM_RELOAD_TIMEOUT,
                                .rollback_errors = PROGRAM_NO_PROBATION,
                                .work_threads = 1,
                                .work_memory = 1,
                                .control = "off",
                                .log_level = MP_LOG_NONE}};
    copy_commands();
    memset(guests, 0, sizeof guests);
    input = data;
    input_size = size;
    quiet = turns = 0;
    the_program = &self;
    self.L = luaL_newstate();
    REQUIRE(self.L);
    lua_register(self.L, "begin", begin);
    REQUIRE(program_run(&self) == 0);
    ev_timer_stop(self.state->loop->ev, &timer);
    for (int i = 0; i < VISITORS; i++) {
        program_end_visit(&guests[i].visitor);
        read_answers(&guests[i]);
        (void)close(guests[i].fd);
        REQUIRE(guests[i].over);
    }
    if (is_steady())
        REQUIRE(guests[0].answers == guests[1].answers);
    lua_close(self.L);
    free(code);
    return 0;
}
