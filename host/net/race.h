/*
 * The race of a connect: attempts at the addresses of a host by RFC 8305. The families alternate, IPv6 first.
 * One more attempt starts every 250 ms, and at once if the last one failed. The first to connect wins; the
 * others are closed. The connector supplies the addresses and starts the race.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RACE_H
#define MP_RACE_H

#include "data/address.h"
#include "data/error.h"
#include "net/network.h"
#include "net/socket_option.h"

typedef struct mp_race mp_race;
typedef struct mp_attempt_slot mp_attempt_slot;

typedef struct mp_race_owner {
    /* It is over: `fd` is connected to `address` and now belongs to the owner; or it is -1, and the race's
       `fault` says why. Called from the loop, or inside a call below. Nothing of the race is touched
       afterwards: it may be stopped and freed. */
    void (*over)(mp_race *race, int fd, const mp_address *address);
    /* True if there may be more addresses. Without a running attempt, the race is over only if this is
       false. */
    bool (*expects_more)(const mp_race *race);
} mp_race_owner;

/* The addresses of a family, in the order of the attempts. */
typedef struct mp_lane {
    size_t count, next;
    mp_attempt_slot *slots;
} mp_lane;

/* A part of its owner. Private, except `fault`, from the last failed attempt. */
struct mp_race {
    mp_network *network;
    const mp_race_owner *owner;
    int own_fd; /* -1: each attempt has its own descriptor */
    uint16_t port;
    uint8_t fault;
    uint8_t turn; /* the next family */
    bool begun;
    size_t running;
    mp_lane lanes[2]; /* by protocol */
    ev_timer pace;
    mp_socket_options options; /* for each attempt */
};

/* Makes a race for `port`. If `own_fd` isn't -1, it connects on that descriptor, which remains the
   owner's. */
void mp_race_init(mp_race *race, mp_network *network, const mp_race_owner *owner, uint16_t port, int own_fd);

/* Takes the addresses of a family, all at once. Returns 0 or -ENOMEM. */
int mp_race_add(mp_race *race, const mp_address *addresses, size_t count);

/* Starts the attempts. */
void mp_race_begin(mp_race *race);

/* There are more addresses, or there will be none: continues if it has started and no attempt's time is
   running. */
void mp_race_go_on(mp_race *race);

/* Sets a socket option on the existing descriptors, and on each later one before it connects. Returns 0, or
   -errno if a descriptor refuses; then no later descriptor gets it. */
int mp_race_set_option(mp_race *race, int option, int value);

/* Stops everything and frees the addresses; no callback follows. */
void mp_race_stop(mp_race *race);

#endif
