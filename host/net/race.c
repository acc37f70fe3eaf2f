/*
 * The race of a connect; see race.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/race.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "loop/reserve.h"
#include "net/descriptor.h"
#include "system/system.h"

#define ATTEMPT_DELAY 0.250 /* RFC 8305, section 5 */
#define MOST_ADDRESSES 32   /* of each family */

struct mp_attempt_slot {
    ev_io watcher; /* fd -1: not started, or over */
    mp_race *race;
    mp_address address;
};

static struct ev_loop *ev_of(const mp_race *race) {
    return race->network->loop.ev;
}

/* --- an attempt ----------------------------------------------------------------------------------------- */

static void won(mp_attempt_slot *slot) {
    mp_race *race = slot->race;
    mp_address address = slot->address;
    int fd = slot->watcher.fd;
    ev_io_stop(ev_of(race), &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    race->owner->over(race, fd, &address);
}

static void give_up(mp_attempt_slot *slot, int error) {
    mp_race *race = slot->race;
    int fd = slot->watcher.fd;
    ev_io_stop(ev_of(race), &slot->watcher);
    ev_io_set(&slot->watcher, -1, 0);
    if (fd >= 0 && fd == race->own_fd)
        mp_system_unconnect(fd); /* for the next address */
    else if (fd >= 0)
        mp_descriptor_close(race->network, fd);
    race->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_CONNECT, error);
}

/* Nobody listens at the peer's port, but the local port, usually chosen by the system, is the same one, and
   TCP connects the socket to itself. */
static bool is_itself(int fd, uint16_t port) {
    mp_address local, peer;
    uint16_t local_port, peer_port;
    return mp_system_local_address(fd, &local, &local_port) == 0 && local_port == port &&
           mp_system_peer_address(fd, &peer, &peer_port) == 0 && peer_port == port &&
           mp_address_equal(&local, &peer);
}

/* The outcome of a finished attempt: 0 or -errno. */
static int outcome_of(const mp_race *race, int fd) {
    int result = mp_system_connect_result(fd);
    if (result < 0 || !is_itself(fd, race->port))
        return result;
    if (race->own_fd < 0)
        (void)mp_system_set_reset_on_close(fd, true); /* otherwise the port waits for both ends to close */
    return -ECONNREFUSED;
}

static void begin_attempts(mp_race *race);

static void on_outcome(struct ev_loop *ev, ev_io *watcher, int revents) {
    mp_attempt_slot *slot = watcher->data;
    mp_race *race = slot->race;
    mp_loop *loop = &race->network->loop;
    /* If the poll can't watch it, nobody knows whether it is connected. */
    int result = revents & EV_ERROR ? -ENOMEM : outcome_of(race, watcher->fd);
    (void)ev;
    if (result == 0) {
        won(slot);
    } else {
        assert(race->running > 0);
        race->running--;
        give_up(slot, -result);
        begin_attempts(race);
    }
    mp_loop_settle(loop);
}

/* An IPv6 descriptor, such as bind to "any" makes, reaches IPv4 addresses in their mapped form. */
static void suit_descriptor(mp_address *address, int fd) {
    mp_address local;
    uint16_t port;
    uint8_t bytes[16];
    if (address->protocol != MP_PROTOCOL_IPV4 || mp_system_local_address(fd, &local, &port) < 0 ||
        local.protocol != MP_PROTOCOL_IPV6)
        return;
    mp_address_to_ipv6(address, bytes);
    mp_address_set_ipv6(address, bytes);
}

/* Starts one attempt; true if it runs or has already won. */
static bool begin(mp_race *race, mp_attempt_slot *slot) {
    bool own = race->own_fd >= 0;
    int fd = -ENOMEM;
    if (own)
        fd = race->own_fd;
    else if (mp_reserve_is_whole())
        fd = mp_system_socket(slot->address.protocol == MP_PROTOCOL_IPV4 ? AF_INET : AF_INET6);
    if (fd < 0) {
        race->fault = (uint8_t)mp_fault_from_errno(MP_ATTEMPT_SOCKET, -fd);
        return false;
    }
    if (own)
        suit_descriptor(&slot->address, fd);
    mp_descriptor_own(race->network, fd);
    if (!own)
        (void)mp_system_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    mp_socket_options_apply(&race->options, fd, race->network->loop.log_level);
    ev_io_set(&slot->watcher, fd, EV_WRITE);
    int result = mp_system_connect(fd, &slot->address, race->port);
    if (result == 0)
        result = outcome_of(race, fd);
    if (result < 0 && result != -EINPROGRESS) {
        give_up(slot, -result);
        return false;
    }
    race->running++;
    if (result == 0)
        won(slot);
    else
        mp_loop_watch(&race->network->loop, &slot->watcher);
    return true;
}

/* --- one after another ---------------------------------------------------------------------------------- */

/* The next address to try, or NULL. */
static mp_attempt_slot *next_slot(mp_race *race) {
    mp_lane *lane = &race->lanes[race->turn];
    if (lane->next == lane->count)
        lane = &race->lanes[1 - race->turn];
    if (lane->next == lane->count)
        return NULL;
    race->turn = lane == race->lanes ? 1 : 0;
    return &lane->slots[lane->next++];
}

/* True if there are more addresses, or may be. */
static bool has_more(const mp_race *race) {
    const mp_lane *lanes = race->lanes;
    return lanes[0].next < lanes[0].count || lanes[1].next < lanes[1].count ||
           race->owner->expects_more(race);
}

/* Starts the next possible attempt. Ends the race if no attempt runs and no address can follow. */
static void begin_attempts(mp_race *race) {
    mp_attempt_slot *slot;
    ev_timer_stop(ev_of(race), &race->pace);
    if (race->own_fd >= 0 && race->running > 0)
        return;
    while ((slot = next_slot(race))) {
        /* Before the attempt, because that may end the race. */
        if (has_more(race)) {
            ev_timer_set(&race->pace, ATTEMPT_DELAY, 0.);
            ev_timer_start(ev_of(race), &race->pace);
        }
        if (begin(race, slot))
            return;
        ev_timer_stop(ev_of(race), &race->pace);
    }
    if (race->running == 0 && !race->owner->expects_more(race))
        race->owner->over(race, -1, NULL);
}

static void on_pace(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_race *race = timer->data;
    mp_loop *loop = &race->network->loop;
    (void)ev;
    (void)revents;
    begin_attempts(race);
    mp_loop_settle(loop);
}

void mp_race_begin(mp_race *race) {
    assert(!race->begun);
    race->begun = true;
    begin_attempts(race);
}

/* Not before the last attempt's time is over. */
void mp_race_go_on(mp_race *race) {
    if (race->begun && !ev_is_active(&race->pace))
        begin_attempts(race);
}

/* --- what is given -------------------------------------------------------------------------------------- */

int mp_race_add(mp_race *race, const mp_address *addresses, size_t count) {
    mp_lane *lane = &race->lanes[addresses->protocol];
    count = count < MOST_ADDRESSES ? count : MOST_ADDRESSES;
    assert(!lane->slots);
    lane->slots = calloc(count, sizeof *lane->slots);
    if (!lane->slots)
        return -ENOMEM;
    lane->count = count;
    for (size_t i = 0; i < count; i++) {
        mp_attempt_slot *slot = &lane->slots[i];
        slot->race = race;
        slot->address = addresses[i];
        ev_io_init(&slot->watcher, on_outcome, -1, EV_WRITE);
        slot->watcher.data = slot;
    }
    return 0;
}

int mp_race_set_option(mp_race *race, int option, int value) {
    int result = mp_socket_option_check(option, value);
    for (const mp_lane *lane = race->lanes; lane < race->lanes + 2; lane++)
        for (size_t i = 0; i < lane->next && result == 0; i++)
            if (lane->slots[i].watcher.fd >= 0)
                result = mp_socket_option_set(lane->slots[i].watcher.fd, option, value);
    if (result < 0)
        return result;
    mp_socket_options_keep(&race->options, option, value);
    return 0;
}

/* --- life ----------------------------------------------------------------------------------------------- */

void mp_race_init(mp_race *race, mp_network *network, const mp_race_owner *owner, uint16_t port, int own_fd) {
    memset(race, 0, sizeof *race);
    race->network = network;
    race->owner = owner;
    race->own_fd = own_fd;
    race->port = port;
    race->fault = MP_FAULT_HOST_NOT_FOUND;
    race->turn = MP_PROTOCOL_IPV6;
    ev_timer_init(&race->pace, on_pace, ATTEMPT_DELAY, 0.);
    race->pace.data = race;
}

void mp_race_stop(mp_race *race) {
    mp_network *network = race->network;
    ev_timer_stop(network->loop.ev, &race->pace);
    for (mp_lane *lane = race->lanes; lane < race->lanes + 2; lane++) {
        for (size_t i = 0; i < lane->next; i++) {
            int fd = lane->slots[i].watcher.fd;
            ev_io_stop(network->loop.ev, &lane->slots[i].watcher);
            if (fd >= 0 && fd != race->own_fd)
                mp_descriptor_close(network, fd);
        }
        free(lane->slots);
        lane->slots = NULL;
        lane->count = lane->next = 0;
    }
}
