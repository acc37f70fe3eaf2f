/*
 * Sockets from the master; see shared.h. A question blocks the worker until the answer is there, since
 * `listen` is no wait.
 *
 * SPDX-License-Identifier: MIT
 */
#include "workers/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/local_name.h"
#include "net/local_place.h"
#include "object/state.h"
#include "run.h"
#include "system/socket_facts.h"
#include "system/system.h"

#define ANSWER 5000.0 /* milliseconds */

static program_worker *worker_of(mp_network *network) {
    const binding_state *state = network->loop.owner;
    return &((program *)state->program)->worker;
}

static bool is_answer(const program_message *message, const void *context) {
    const program_worker *self = context;
    return message->count >= 2 && strcmp(message->words[0], "answer") == 0 &&
           strtoul(message->words[1], NULL, 10) == self->serial;
}

/* The master's answer to the last question: "answer SERIAL 0", perhaps with a descriptor, or with a fault's
   number. */
static enum mp_fault answer(program_worker *self, int *fd) {
    program_message *message = program_await_message(&self->channel, is_answer, self, ANSWER);
    enum mp_fault fault = MP_FAULT_SOCKET_TIMEOUT;
    if (message && message->count == 3) {
        fault = (enum mp_fault)strtoul(message->words[2], NULL, 10);
        if (fault == MP_FAULT_NONE && fd) {
            *fd = message->fd;
            message->fd = -1;
            fault = *fd >= 0 ? MP_FAULT_NONE : MP_FAULT_RESOURCE;
        }
    }
    program_free_message(message);
    return fault;
}

const char *program_ask_store(program_worker *self, char *path, size_t size) {
    if (!program_send_message(&self->channel, -1, "store %lu", ++self->serial))
        return "the master is gone";
    program_message *message = program_await_message(&self->channel, is_answer, self, ANSWER);
    bool complete = message && message->count == 4;
    bool found = complete && strcmp(message->words[2], "0") == 0;
    if (complete) {
        program_from_word(message->words[3]);
        snprintf(path, size, "%s", message->words[3]);
    }
    program_free_message(message);
    return found ? NULL : complete ? path : "the master does not answer";
}

static enum mp_fault bind_port(mp_network *network, const mp_address *address, uint16_t port, bool beside,
                               int *fd) {
    program_worker *self = worker_of(network);
    char text[MP_ADDRESS_TEXT] = "any";
    if (address->protocol != MP_PROTOCOL_ANY)
        mp_address_format(address, text);
    if (!*text)
        strcpy(text, "0.0.0.0"); /* Null */
    if (!program_send_message(&self->channel, -1, "listen %lu %s %u %d", ++self->serial, text, port, beside))
        return MP_FAULT_SOCKET_TIMEOUT;
    return answer(self, fd);
}

static enum mp_fault listen_local(mp_network *network, const mp_local_name *name,
                                  const mp_local_access *access, int backlog, int *fd) {
    program_worker *self = worker_of(network);
    char text[MP_LOCAL_TEXT], mode[16] = "-";
    mp_local_name_format(name, text);
    char *word = program_to_word(text, strlen(text), sizeof text);
    long long group = access->group == (gid_t)-1 ? -1 : (long long)access->group;
    if (access->set)
        snprintf(mode, sizeof mode, "%04o", (unsigned)access->mode);
    bool sent = word && program_send_message(&self->channel, -1, "local %lu %s %d %s %lld %d", ++self->serial,
                                             word, fd != NULL, mode, group, backlog);
    free(word);
    return sent ? answer(self, fd) : MP_FAULT_SOCKET_TIMEOUT;
}

/* A port's own socket ends, so that its clients go to the others; a Unix-domain socket is everybody's. */
static void closed(mp_network *network, int fd) {
    program_worker *self = worker_of(network);
    mp_address address;
    uint16_t port;
    if (self->leaves)
        return;
    (void)program_send_message(&self->channel, -1, "closed %llu",
                               (unsigned long long)mp_system_socket_cookie(fd));
    if (mp_system_local_address(fd, &address, &port) == 0)
        (void)mp_system_shutdown(fd);
}

static const mp_network_source source = {.bind = bind_port, .listen_local = listen_local, .closed = closed};

void program_share_sockets(mp_network *network) {
    network->source = &source;
}
