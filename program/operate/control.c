/*
 * The control socket; see control.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "operate/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "operate/commands.h"
#include "operate/place.h"
#include "system/local.h"
#include "system/process.h"
#include "system/system.h"

#define BACKLOG 16
#define AGAIN 500.0 /* milliseconds after which accepting is tried again */

/* --- visitors ------------------------------------------------------------------------------------------- */

static program_visitor *free_visitor(program_control *self) {
    for (int i = 0; i < PROGRAM_VISITORS; i++)
        if (!program_is_visiting(&self->visitors[i]))
            return &self->visitors[i];
    return NULL;
}

/* One line says why, and that is all. */
static void refuse(int fd, const char *why) {
    char line[128];
    int size = snprintf(line, sizeof line, "{\"error\":\"%s\"}\n", why);
    (void)mp_system_send(fd, line, (size_t)size, false);
    mp_system_close(fd);
}

void program_admit_visitor(program_control *self, int fd) {
    pid_t process;
    uid_t user;
    gid_t group;
    program_visitor *visitor = free_visitor(self);
    if (mp_system_peer_credentials(fd, &process, &user, &group) < 0 ||
        (user != 0 && user != mp_system_user()))
        refuse(fd, "it belongs to another user");
    else if (!visitor || !mp_reserve_is_whole())
        refuse(fd, visitor ? "it has no memory" : "too many ask it already");
    else
        program_begin_visit(visitor, self->state, fd, program_commands);
}

static void on_client(mp_readable *clients);

static void listen_on(program_control *self) {
    mp_readable_start(&self->clients, self->state->loop, self->fd, on_client);
}

static void on_again(mp_delay *again) {
    listen_on(MP_CONTAINER(again, program_control, again));
}

static void on_client(mp_readable *clients) {
    program_control *self = MP_CONTAINER(clients, program_control, clients);
    mp_address peer;
    uint16_t port;
    int fd = clients->deaf ? -ENOMEM : mp_system_accept(self->fd, &peer, &port);
    if (fd >= 0) {
        program_admit_visitor(self, fd);
    } else if (fd != -EAGAIN && fd != -ECONNABORTED) { /* no descriptor, or no memory */
        mp_readable_stop(clients);
        mp_delay_start(&self->again, self->state->loop, AGAIN, on_again);
    }
}

/* --- life ----------------------------------------------------------------------------------------------- */

static const char *why_not(program_control *self, const char *wish, char *text, size_t size) {
    const mp_local_access access = {.set = true, .mode = 0600, .group = (gid_t)-1};
    mp_local_name name;
    const char *why = program_find_place(wish, &name, text, size);
    if (why)
        return why;
    self->place = mp_local_place_new(&name);
    self->fd = self->place ? mp_system_socket(AF_UNIX) : -1;
    if (!self->place || self->fd < 0) {
        snprintf(text, size, "%s", self->place ? strerror(-self->fd) : "out of memory");
        return text;
    }
    mp_descriptor_own(mp_network_of(self->state->loop), self->fd); /* no script can take it */
    enum mp_fault fault = mp_local_place_bind(self->place, self->fd, &access);
    if (fault == MP_FAULT_NONE && mp_system_listen(self->fd, BACKLOG) == 0)
        return NULL;
    snprintf(text, size, "%.*s: %s", (int)name.size, name.bytes,
             fault == MP_FAULT_NONE ? "nobody can listen there" : mp_fault_text(fault));
    return text;
}

static void close_socket(program_control *self) {
    mp_local_place_free(self->place);
    self->place = NULL;
    if (self->fd >= 0)
        mp_descriptor_close(mp_network_of(self->state->loop), self->fd);
    self->fd = -1;
}

void program_start_control(program_control *self, binding_state *state, const char *wish) {
    char text[256];
    *self = (program_control){.state = state, .fd = -1};
    if (wish && strcmp(wish, "off") == 0)
        return;
    const char *why = why_not(self, wish, text, sizeof text);
    if (!why && mp_reserve_is_whole()) {
        listen_on(self);
        return;
    }
    close_socket(self);
    mp_log(state->loop->log_level, MP_LOG_WARNING, "no control socket: %s", why ? why : "out of memory");
}

void program_stop_control(program_control *self) {
    if (!self->state)
        return;
    for (int i = 0; i < PROGRAM_VISITORS; i++)
        program_end_visit(&self->visitors[i]);
    mp_readable_stop(&self->clients);
    mp_delay_stop(&self->again, self->state->loop);
    close_socket(self);
}
