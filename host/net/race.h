/*
 * The race of a connect: attempts at the addresses of a host, as RFC 8305 says. The families take turns, IPv6
 * first, one more attempt begins every 250 ms (at once when the last one failed), the first to answer wins,
 * the others are closed. Where the addresses come from, and when it begins, the connector says.
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
    /* It is over: `fd` is connected to `address` and the owner's from now on, or -1, and the race's `fault`
       says why. From the loop, or inside a call below. Nothing of the race is touched afterwards: it may be
       stopped and freed. */
    void (*over)(mp_race *race, int fd, const mp_address *address);
    /* May there be more addresses? Without an attempt it is over only if not. */
    bool (*expects_more)(const mp_race *race);
} mp_race_owner;

/* Addresses of a family, the first to be tried first. */
typedef struct mp_lane {
    size_t count, next;
    mp_attempt_slot *slots;
} mp_lane;

/* A part of its owner. Private but for `fault`, of the attempt that failed last. */
struct mp_race {
    mp_network *network;
    const mp_race_owner *owner;
    int own_fd; /* -1: each attempt has a descriptor of its own */
    uint16_t port;
    uint8_t fault;
    uint8_t turn; /* the family that comes next */
    bool begun;
    size_t running;
    mp_lane lanes[2]; /* by protocol */
    ev_timer pace;
    mp_socket_options options; /* of each attempt */
};

/* A race for `port`, on `own_fd` if that is not -1: a descriptor which stays the owner's. */
void mp_race_init(mp_race *race, mp_network *network, const mp_race_owner *owner, uint16_t port, int own_fd);

/* Takes the addresses of a family, all at once. Returns 0 or -ENOMEM. */
int mp_race_add(mp_race *race, const mp_address *addresses, size_t count);

/* Begins with the attempts. */
void mp_race_begin(mp_race *race);

/* There are more addresses, or it is clear that there are none: goes on if it has begun and no attempt has
   its time. */
void mp_race_go_on(mp_race *race);

/* Sets a socket option on the descriptors that are there, and on each that is made later, before it connects.
   Returns 0, or the -errno of a descriptor that refuses: then none is made with it. */
int mp_race_set_option(mp_race *race, int option, int value);

/* Gives up what is under way and frees what it has taken; no call follows. */
void mp_race_stop(mp_race *race);

#endif
