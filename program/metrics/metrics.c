/*
 * The owner's part of --metrics; see metrics.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/descriptor.h"
#include "net/port.h"
#include "system/local.h"
#include "system/system.h"

#define BACKLOG 128
#define PATIENCE 1000.0 /* milliseconds that it has to end */

/* --- visits --------------------------------------------------------------------------------------------- */

/* "visit": it gets one end of a connection, and the other one is a visitor's. */
static void on_received(program_channel *channel, program_message *message) {
    program_metrics *self = channel->owner;
    int fds[2];
    program_free_message(message);
    if (mp_system_pair(fds) < 0) {
        (void)program_send_message(channel, -1, "none");
        return;
    }
    self->admit(self->owner, fds[0]);
    (void)program_send_message(channel, fds[1], "visit");
    mp_system_close(fds[1]);
}

static void on_parted(program_channel *channel) {
    (void)channel; /* its process has ended, or is about to */
}

static void begun(program_own_process *process, int channel) {
    program_metrics *self = MP_CONTAINER(process, program_metrics, process);
    if (program_open_channel(&self->channel, channel) < 0) {
        mp_system_close(channel);
        return;
    }
    program_listen_to_channel(&self->channel, process->state->loop, on_received, on_parted, self);
}

static void over(program_own_process *process) {
    program_close_channel(&MP_CONTAINER(process, program_metrics, process)->channel);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static const char *listen_at(program_metrics *self, const mp_address *address, uint16_t port, char *text,
                             size_t size) {
    char name[MP_ADDRESS_TEXT];
    enum mp_fault fault = mp_port_reserve(address, &port, false, &self->fd);
    int result = fault == MP_FAULT_NONE ? mp_system_listen(self->fd, BACKLOG) : 0;
    mp_address_format(address, name);
    snprintf(self->place, sizeof self->place, strchr(name, ':') ? "[%s]:%d" : "%s:%d", name, port);
    if (fault == MP_FAULT_NONE && result == 0)
        return NULL;
    snprintf(text, size, "--metrics %s: %s", self->place,
             fault == MP_FAULT_NONE ? strerror(-result) : mp_fault_text(fault));
    return text;
}

const char *program_start_metrics(program_metrics *self, binding_state *state, const program_options *options,
                                  void (*admit)(void *owner, int fd), void *owner, char *text, size_t size) {
    *self = (program_metrics){.fd = -1, .admit = admit, .owner = owner, .channel = {.fd = -1}};
    const char *why = listen_at(self, &options->metrics.address, options->metrics.port, text, size);
    if (why)
        return why;
    mp_descriptor_own(mp_network_of(state->loop), self->fd);
    self->process = (program_own_process){.state = state,
                                          .options = options,
                                          .name = "the process of --metrics",
                                          .option = "--as-metrics",
                                          .word = self->place,
                                          .given = self->fd,
                                          .begun = begun,
                                          .over = over,
                                          .channel = -1,
                                          .process = -1};
    int result = program_start_own_process(&self->process);
    if (result == 0) {
        mp_log(state->loop->log_level, MP_LOG_INFO, "metrics at http://%s/", self->place);
        return NULL;
    }
    snprintf(text, size, "--metrics: %s", strerror(-result));
    return text;
}

void program_stop_metrics(program_metrics *self) {
    if (!self->process.state)
        return;
    (void)program_end_own_process(&self->process, PATIENCE);
    mp_descriptor_close(mp_network_of(self->process.state->loop), self->fd);
    self->fd = -1;
}
