/*
 * The resolver's c-ares channel on a libev loop: watchers for its sockets and time-outs, its configuration,
 * the search list and the hosts file. It doesn't know queries and look-ups. It has no active watcher while
 * nothing is being asked. For host/resolver/ only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MP_RESOLVER_CHANNEL_H
#define MP_RESOLVER_CHANNEL_H

#include <ares.h>
#include <ev.h>
#include <stdbool.h>

#include "system/file.h"

typedef struct mp_channel mp_channel;
typedef struct mp_channel_socket mp_channel_socket;

struct mp_channel {
    struct ev_loop *loop;
    ev_timer overdue;
    mp_channel_socket *sockets;
    void (*turn)(mp_channel *channel); /* called after each event, when c-ares has handled it */
    ares_channel ares;                 /* asks the servers; NULL: closed */
    ares_channel hosts;                /* reads the hosts file; NULL: not in use */
    bool hosts_last;                   /* after the servers (nsswitch.conf), not before them */
    int dots, domain_count;            /* of resolv.conf: ndots; size of the search list */
    char **domains;
    char *servers;                /* instead of those of resolv.conf, or NULL */
    mp_file_status configuration; /* resolv.conf when the channel was opened */
    bool out_of_memory;           /* the poll could not watch a socket; the owner clears it */
};

/* Sets up a closed channel; cannot fail and reads no file. */
void mp_channel_init(mp_channel *channel, struct ev_loop *loop, void (*turn)(mp_channel *));

/* Opens it if it is closed: reads resolv.conf and the like. Returns 0 or -errno. */
int mp_channel_open(mp_channel *channel);

/* Closes it; open questions are called back now, with ARES_EDESTRUCTION. */
void mp_channel_close(mp_channel *channel);

/* Reads a name from the hosts file into *out; NULL if it isn't there. Returns 0, -ENOMEM, -EMFILE and the
   like. */
int mp_channel_read_hosts(mp_channel *channel, const char *name, struct ares_addrinfo **out);

/* Room for a name with a domain of the search list after it. A longer one is cut, and then no such name
   exists. */
#define MP_FULL_NAME_SIZE 520

/* The name, with its final dot, that is asked in the step-th place for `name`, by the search list. Returns
   false if there are fewer. */
bool mp_channel_search(const mp_channel *channel, const char *name, size_t step,
                       char full[MP_FULL_NAME_SIZE]);

/* True if resolv.conf has changed since mp_channel_open. */
bool mp_channel_is_stale(const mp_channel *channel);

/* Makes sure that a turn comes in time for c-ares, and within `delay` seconds unless a timer already runs. */
void mp_channel_watch(mp_channel *channel, double delay);

/* Stops that timer. Call it when nothing is being asked. */
void mp_channel_rest(mp_channel *channel);

/* A status of c-ares as -errno. c-ares doesn't report that it ran out of descriptors or memory; this does. */
int mp_channel_error(const mp_channel *channel, int status);

#endif
