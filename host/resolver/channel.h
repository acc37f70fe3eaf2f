/*
 * The resolver's c-ares channel on a libev loop: watchers for its sockets and time-outs, its configuration,
 * with the search list and the hosts file. It knows nothing of queries and look-ups, and has no active
 * watcher while nothing is being asked. For host/resolver/ only.
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
    void (*turn)(mp_channel *channel); /* called after each event, when c-ares has dealt with it */
    ares_channel ares;                 /* asks the servers; NULL: closed */
    ares_channel hosts;                /* reads the hosts file; NULL: it is not to be read */
    bool hosts_last;                   /* after the servers (nsswitch.conf), not before them */
    int dots, domain_count;            /* of a name that is first tried as it is; the search list */
    char **domains;
    char *servers;                /* instead of those of resolv.conf, or NULL */
    mp_file_status configuration; /* resolv.conf as it was when the channel was opened */
    bool out_of_memory;           /* a socket could not be watched; the owner clears it */
};

/* Sets up a closed channel; cannot fail and touches no file. */
void mp_channel_init(mp_channel *channel, struct ev_loop *loop, void (*turn)(mp_channel *));

/* Opens it if it is closed: reads resolv.conf and the like. Returns 0 or -errno. */
int mp_channel_open(mp_channel *channel);

/* Closes it; what is being asked is called back now, with ARES_EDESTRUCTION. */
void mp_channel_close(mp_channel *channel);

/* What the hosts file says of a name, in *out; NULL if nothing. Returns 0, -ENOMEM, -EMFILE and the like. */
int mp_channel_read_hosts(mp_channel *channel, const char *name, struct ares_addrinfo **out);

/* Room for a name with one of the search list behind it; what is longer is cut, and still no name. */
#define MP_FULL_NAME_SIZE 520

/* The name, with its final dot, that the servers are asked for `name` in the step-th place, as the search
   list says. Returns false if there are fewer. */
bool mp_channel_search(const mp_channel *channel, const char *name, size_t step,
                       char full[MP_FULL_NAME_SIZE]);

/* Whether resolv.conf is another than at mp_channel_open. */
bool mp_channel_is_stale(const mp_channel *channel);

/* Makes sure that a turn comes in time for c-ares, and within `delay` seconds unless a timer runs already. */
void mp_channel_watch(mp_channel *channel, double delay);

/* Ends that. To be called when nothing is being asked. */
void mp_channel_rest(mp_channel *channel);

/* A status of c-ares as -errno. c-ares doesn't tell that it was out of descriptors or memory; this does. */
int mp_channel_error(const mp_channel *channel, int status);

#endif
