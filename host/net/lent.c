/*
 * Lent descriptors; see lent.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/lent.h"

#include <errno.h>
#include <stdlib.h>

#include "net/descriptor.h"
#include "net/tcp_server.h"
#include "system/socket_facts.h"
#include "system/system.h"

struct mp_lent {
    ev_io watcher;
    mp_listener *listener;
    struct mp_lent *next;
    uint64_t cookie;
};

static mp_listener *find(mp_network *network, uint64_t cookie) {
    for (mp_ring *at = network->servers.next; at != &network->servers; at = at->next) {
        mp_listener *listener = MP_CONTAINER(at, mp_tcp_server, link)->listener;
        if (listener->shared && mp_system_socket_cookie(listener->watcher.fd) == cookie)
            return listener;
    }
    return NULL;
}

int mp_network_lend_listener(mp_network *network, uint64_t cookie, int fd) {
    mp_listener *listener = find(network, cookie);
    struct mp_lent *lent = listener ? calloc(1, sizeof *lent) : NULL;
    if (!lent) {
        mp_system_close(fd);
        return listener ? -ENOMEM : -ENOENT;
    }
    mp_descriptor_own(network, fd);
    lent->listener = listener;
    lent->cookie = mp_system_socket_cookie(fd);
    lent->next = listener->lent;
    listener->lent = lent;
    ev_io_init(&lent->watcher, listener->lent_ready, fd, EV_READ);
    lent->watcher.data = listener;
    mp_listener_watch_lent(listener, ev_is_active(&listener->watcher));
    return 0;
}

static void end(struct mp_lent *lent) {
    mp_network *network = lent->listener->network;
    ev_io_stop(network->loop.ev, &lent->watcher);
    mp_descriptor_close(network, lent->watcher.fd);
    free(lent);
}

void mp_network_end_loan(mp_network *network, uint64_t cookie) {
    for (mp_ring *at = network->servers.next; at != &network->servers; at = at->next)
        for (struct mp_lent **place = &MP_CONTAINER(at, mp_tcp_server, link)->listener->lent, *lent;
             (lent = *place);) {
            if (lent->cookie != cookie) {
                place = &lent->next;
                continue;
            }
            *place = lent->next;
            end(lent);
        }
}

void mp_listener_watch_lent(mp_listener *listener, bool accept) {
    for (struct mp_lent *lent = listener->lent; lent; lent = lent->next) {
        if (accept)
            mp_loop_watch(&listener->network->loop, &lent->watcher);
        else
            ev_io_stop(listener->network->loop.ev, &lent->watcher);
    }
}

void mp_listener_end_lent(mp_listener *listener) {
    while (listener->lent) {
        struct mp_lent *lent = listener->lent;
        listener->lent = lent->next;
        end(lent);
    }
}
