/*
 * Processes without an owner; see reaper.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/reaper.h"

#include <stdlib.h>

#include "loop/reserve.h"
#include "system/local.h"
#include "system/process.h"
#include "system/system.h"

struct mp_reaping {
    ev_io watcher;
    mp_network *network;
    mp_reaping *next;
};

/* It is in no list any more. */
static void reap(mp_reaping *reaping) {
    ev_io_stop(reaping->network->loop.ev, &reaping->watcher);
    mp_system_wait_and_reap(reaping->watcher.fd);
    mp_system_close(reaping->watcher.fd);
    free(reaping);
}

static void on_end(struct ev_loop *ev, ev_io *watcher, int revents) {
    (void)ev;
    (void)revents;
    mp_reaping *reaping = watcher->data;
    mp_reaping **place = &reaping->network->reaping;
    while (*place != reaping)
        place = &(*place)->next;
    *place = reaping->next;
    reap(reaping);
}

void mp_reaper_take(mp_network *network, int process) {
    mp_reaping *reaping = mp_reserve_is_whole() ? calloc(1, sizeof *reaping) : NULL;
    int fd = reaping ? mp_system_duplicate(process) : -1;
    if (fd < 0) {
        free(reaping);
        mp_system_wait_and_reap(process);
        return;
    }
    reaping->network = network;
    reaping->next = network->reaping;
    network->reaping = reaping;
    ev_io_init(&reaping->watcher, on_end, fd, EV_READ);
    reaping->watcher.data = reaping;
    mp_loop_watch(&network->loop, &reaping->watcher);
}

void mp_reaper_end(mp_network *network) {
    while (network->reaping) {
        mp_reaping *first = network->reaping;
        network->reaping = first->next;
        reap(first);
    }
}
