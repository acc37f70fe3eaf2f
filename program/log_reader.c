/*
 * The log's reader; see log_reader.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log_reader.h"

#include <errno.h>

#include "loop/reserve.h"
#include "system/log.h"

#define AGAIN 500.0 /* milliseconds until the next try where the poll is of no help */

static void on_room(mp_readable *room);

static void watch(program_log_reader *self) {
    self->state = LOG_WATCHED;
    mp_writable_start(&self->room, self->loop, MP_LOG_DESCRIPTOR, on_room);
}

static void on_again(mp_delay *again) {
    program_log_reader *self = MP_CONTAINER(again, program_log_reader, again);
    int result = mp_log_catch_up();
    self->state = LOG_READ;
    if (result == 1 || result == -EAGAIN)
        watch(self);
}

/* A poll that says that there is room where there is none isn't asked again at once. */
static void on_room(mp_readable *room) {
    program_log_reader *self = MP_CONTAINER(room, program_log_reader, room);
    int result = mp_log_catch_up();
    if (result == 1 && !room->deaf)
        return;
    mp_readable_stop(room);
    self->state = LOG_READ;
    if (result == 1 || result == -EAGAIN) {
        self->state = LOG_AGAIN;
        mp_delay_start(&self->again, self->loop, AGAIN, on_again);
    }
}

static void on_behind(void *context) {
    program_log_reader *self = context;
    if (self->state == LOG_READ && mp_reserve_is_whole())
        watch(self);
}

void program_start_log_reader(program_log_reader *self, mp_loop *loop) {
    self->loop = loop;
    mp_log_on_behind(on_behind, self);
}

void program_stop_log_reader(program_log_reader *self) {
    if (!self->loop)
        return;
    mp_log_on_behind(NULL, NULL);
    mp_readable_stop(&self->room);
    mp_delay_stop(&self->again, self->loop);
}
