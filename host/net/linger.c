/*
 * Lingering close; see linger.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/linger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "data/buffer.h"
#include "loop/reserve.h"
#include "net/descriptor.h"
#include "system/system.h"

#define TICK_SECONDS 0.5
#define TICKS_SILENT 4
#define TICKS_STALLED 60
#define TICKS_CONFIRMED 60
#define HEARD_LATELY 2000              /* ms */
#define MOST_BYTES ((size_t)256 << 20) /* thrown away */

struct mp_lingering {
    ev_io watcher;
    ev_timer tick;
    mp_network *network;
    mp_lingering *next, *previous;
    size_t received;
    int unsent;   /* at the last tick */
    int patience; /* remaining ticks without progress */
    int left;     /* remaining ticks after the peer has confirmed everything, whatever arrives */
};

static void end(mp_lingering *lingering) {
    mp_network *network = lingering->network;
    assert(lingering == (lingering->previous ? lingering->previous->next : network->lingering));
    ev_timer_stop(network->loop.ev, &lingering->tick);
    ev_io_stop(network->loop.ev, &lingering->watcher);
    if (lingering->previous)
        lingering->previous->next = lingering->next;
    else
        network->lingering = lingering->next;
    if (lingering->next)
        lingering->next->previous = lingering->previous;
    mp_loop_unref(&network->loop);
    mp_descriptor_close(network, lingering->watcher.fd);
    free(lingering);
}

static void on_input(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_lingering *lingering = watcher->data;
    const mp_network *network = lingering->network;
    (void)ev;
    if (revents & EV_ERROR) {
        end(lingering);
        return;
    }
    ssize_t n = mp_system_receive(watcher->fd, network->input->data + network->input_used,
                                  network->input->capacity - network->input_used, false);
    if (n > 0) {
        lingering->received += (size_t)n;
        if (lingering->patience < TICKS_SILENT)
            lingering->patience = TICKS_SILENT;
    }
    if (n == 0 || (n < 0 && n != -EAGAIN && n != -EWOULDBLOCK) || lingering->received > MOST_BYTES)
        end(lingering);
}

static void on_tick(struct ev_loop *ev, ev_timer *watcher, int revents) {
    mp_lingering *lingering = watcher->data;
    int unsent = mp_system_unsent(lingering->watcher.fd);
    (void)ev;
    (void)revents;
    if (unsent != lingering->unsent)
        lingering->patience = unsent > 0 ? TICKS_STALLED : TICKS_SILENT;
    lingering->unsent = unsent;
    if (--lingering->patience <= 0 || (unsent <= 0 && --lingering->left <= 0))
        end(lingering);
}

bool mp_linger(mp_network *network, int fd) {
    int unsent = mp_system_unsent(fd);
    if (unsent <= 0 && mp_system_unread(fd) <= 0 && !mp_system_heard_within(fd, HEARD_LATELY))
        return false;
    mp_lingering *lingering = mp_reserve_is_whole() ? malloc(sizeof *lingering) : NULL;
    if (!lingering)
        return false;
    if (mp_system_shutdown_write(fd) < 0) {
        free(lingering);
        return false;
    }
    lingering->network = network;
    lingering->previous = NULL;
    lingering->next = network->lingering;
    if (network->lingering)
        network->lingering->previous = lingering;
    network->lingering = lingering;
    mp_loop_ref(&network->loop);
    ev_io_init(&lingering->watcher, on_input, fd, EV_READ);
    lingering->watcher.data = lingering;
    mp_loop_watch(&network->loop, &lingering->watcher);
    lingering->received = 0;
    lingering->unsent = unsent;
    lingering->patience = unsent > 0 ? TICKS_STALLED : TICKS_SILENT;
    lingering->left = TICKS_CONFIRMED;
    ev_timer_init(&lingering->tick, on_tick, TICK_SECONDS, TICK_SECONDS);
    lingering->tick.data = lingering;
    ev_timer_start(network->loop.ev, &lingering->tick);
    return true;
}

unsigned mp_linger_unsent(const mp_network *network) {
    unsigned count = 0;
    for (const mp_lingering *lingering = network->lingering; lingering; lingering = lingering->next)
        count += mp_system_unsent(lingering->watcher.fd) > 0;
    return count;
}

void mp_linger_end(mp_network *network) {
    for (mp_lingering *lingering = network->lingering, *next; lingering; lingering = next) {
        next = lingering->next;
        end(lingering);
    }
}
