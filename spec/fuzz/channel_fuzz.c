/*
 * Any bytes from the master to a worker, with descriptors, whole and in pieces: the same messages arrive,
 * each has the words of its line, no descriptor is lost, and each gets the next one that came. And a text
 * that becomes a word comes back.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ev.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "open.h"
#include "script/text.h"
#include "system/local.h"
#include "system/system.h"
#include "workers/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) require(condition, #condition, __LINE__)

enum { LONGEST = 2048 };

static void require(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, line, text);
    abort();
}

/* What has arrived: of each message its words, a zero behind each, and whether it has a descriptor. */
typedef struct record {
    char text[8 * LONGEST];
    size_t size;
    bool parted;
} record;

static void note(record *all, const char *text) {
    size_t size = strlen(text) + 1;
    REQUIRE(all->size + size < sizeof all->text);
    memcpy(all->text + all->size, text, size);
    all->size += size;
}

static void on_received(program_channel *channel, program_message *message) {
    record *all = channel->owner;
    REQUIRE(message->count <= PROGRAM_MESSAGE_WORDS && !(message->lost && message->fd >= 0));
    for (unsigned i = 0; i < message->count; i++) {
        REQUIRE(*message->words[i] && !strpbrk(message->words[i], " \n"));
        note(all, message->words[i]);
    }
    note(all, message->fd >= 0 ? "\n+" : "\n");
    REQUIRE(message->fd < 0 || fcntl(message->fd, F_GETFD) >= 0);
    program_free_message(message);
}

static void on_parted(program_channel *channel) {
    ((record *)channel->owner)->parted = true;
}

/* --- the same, simply ----------------------------------------------------------------------------------- */

static void expect(record *all, const uint8_t *data, size_t size, int descriptors) {
    const uint8_t *end;
    for (size_t at = 0; at < size && (end = memchr(data + at, '\n', size - at));) {
        size_t length = (size_t)(end - (data + at)), i = 0;
        if (length > 0) {
            bool brings = data[at] == '+';
            char line[LONGEST + 1], *rest = NULL;
            memcpy(line, data + at + brings, length - brings);
            line[length - brings] = '\0';
            for (char *word = strtok_r(line, " ", &rest); word && i < PROGRAM_MESSAGE_WORDS;
                 word = strtok_r(NULL, " ", &rest), i++)
                note(all, word);
            note(all, brings && descriptors > 0 ? "\n+" : "\n");
            descriptors -= brings && descriptors > 0;
        }
        at += length + 1;
    }
}

/* --- one run -------------------------------------------------------------------------------------------- */

static void turn(mp_loop *loop) {
    mp_loop_settle(loop);
    ev_run(loop->ev, EVRUN_NOWAIT);
}

/* With each of the first bytes comes a descriptor; the others come in pieces of `step` bytes. */
static void run(mp_loop *loop, record *all, const uint8_t *data, size_t size, int descriptors, size_t step) {
    int fds[2];
    program_channel channel;
    memset(all, 0, sizeof *all);
    REQUIRE(mp_system_pair(fds) == 0 && program_open_channel(&channel, fds[0]) == 0);
    program_listen_to_channel(&channel, loop, on_received, on_parted, all);
    for (size_t at = 0; at < size; descriptors--) {
        size_t length = descriptors > 0 ? 1 : step < size - at ? step : size - at;
        const struct iovec piece = {(void *)(uintptr_t)(data + at), length};
        ssize_t n = descriptors > 0 ? mp_system_send_descriptor(fds[1], &piece, 1, fds[1])
                                    : mp_system_send(fds[1], piece.iov_base, length, false);
        REQUIRE(n > 0);
        at += (size_t)n;
        if (step < size)
            turn(loop);
    }
    (void)shutdown(fds[1], SHUT_WR); /* it is passed along, so a close ends nothing */
    mp_system_close(fds[1]);
    for (int i = 0; i < 20 && !all->parted; i++)
        turn(loop);
    REQUIRE(all->parted);
    program_close_channel(&channel);
}

static void try_word(const uint8_t *data, size_t size) {
    char text[LONGEST + 1];
    memcpy(text, data, size);
    text[size] = '\0';
    size_t length = strlen(text);
    char *word = program_to_word(text, length, LONGEST);
    REQUIRE(word && *word);
    for (const char *at = word; *at; at++)
        REQUIRE((unsigned char)*at > ' ' && *at != 127);
    program_from_word(word);
    REQUIRE(strcmp(word, text) == 0);
    program_from_word(text);
    REQUIRE(strlen(text) <= length);
    free(word);
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 100; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static record expected, whole, slow;
    static mp_loop *loop;
    if (size < 1 || size > LONGEST)
        return 0;
    if (!loop) {
        lua_State *L = luaL_newstate();
        REQUIRE(L);
        luaL_requiref(L, "moonport", luaopen_moonport, 0);
        loop = binding_find(L)->loop;
        mp_loop_ref(loop); /* a channel keeps no loop running */
        program_hold_descriptor();
    }
    int descriptors = *data++ % (PROGRAM_CHANNEL_DESCRIPTORS + 1), before = open_descriptors();
    memset(&expected, 0, sizeof expected);
    expect(&expected, data, --size, descriptors);
    run(loop, &whole, data, size, descriptors, size);
    run(loop, &slow, data, size, descriptors, 1);
    REQUIRE(whole.size == expected.size && memcmp(whole.text, expected.text, expected.size) == 0);
    REQUIRE(slow.size == expected.size && memcmp(slow.text, expected.text, expected.size) == 0);
    REQUIRE(open_descriptors() == before);
    try_word(data, size);
    return 0;
}
