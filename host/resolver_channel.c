/*
 * The resolver's c-ares channel. It is opened for the first question only, as reading its configuration would
 * cost every start of the program; and it never gives c-ares a socket that could not be watched.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each try takes twice the time of the one before: 1.3 s, 2.6 s and 5.2 s, shared by the servers if there are
   several. So one that answers half of a question only, or none, is done with within 10 s. */
enum { FIRST_TIMEOUT = 1300, SHORTEST_TIMEOUT = 250, TRIES = 3 };

struct mp_channel_socket {
    ev_io io;
    mp_channel_socket *next;
};

static const char configuration_path[] = "/etc/resolv.conf";

/* What isn't here is a failure of the servers, -EAGAIN. */
static const struct {
    int status;
    int error;
} errors[] = {
    {ARES_ENODATA, ENOENT},     {ARES_ENOTFOUND, ENOENT},     {ARES_EBADNAME, ENOENT},
    {ARES_ETIMEOUT, ETIMEDOUT}, {ARES_ENOMEM, ENOMEM},        {ARES_EFILE, EIO},
    {ARES_EBADSTR, EINVAL},     {ARES_ECANCELLED, ECANCELED}, {ARES_EDESTRUCTION, ECANCELED},
};

int mp_channel_error(int status) {
    if (status == ARES_SUCCESS)
        return 0;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].status == status)
            return -errors[i].error;
    return -EAGAIN;
}

static void on_socket(struct ev_loop *loop, ev_io *io, int events) {
    mp_channel *channel = io->data;
    ares_socket_t fd = io->fd;
    (void)loop;
    ares_process_fd(channel->ares, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD); /* may free io */
    channel->turn(channel);
}

static void on_overdue(struct ev_loop *loop, ev_timer *timer, int events) {
    mp_channel *channel = timer->data;
    (void)loop;
    (void)events;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    channel->turn(channel);
}

/* From c-ares, before a socket is used. A negative result makes c-ares do without the socket. */
static int on_socket_created(ares_socket_t fd, int type, void *data) {
    mp_channel *channel = data;
    mp_channel_socket *watcher = malloc(sizeof *watcher);
    (void)type;
    if (!watcher) {
        channel->out_of_memory = true;
        return -1;
    }
    ev_io_init(&watcher->io, on_socket, fd, 0);
    watcher->io.data = channel;
    watcher->next = channel->sockets;
    channel->sockets = watcher;
    return 0;
}

/* From c-ares, whenever it wants other events of a socket; wants none before it closes the socket. */
static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable) {
    mp_channel *channel = data;
    mp_channel_socket **at = &channel->sockets, *watcher;
    while (*at && (*at)->io.fd != fd)
        at = &(*at)->next;
    watcher = *at;
    if (!watcher)
        return;
    ev_io_stop(channel->loop, &watcher->io);
    if (readable || writable) {
        ev_io_set(&watcher->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
        ev_io_start(channel->loop, &watcher->io);
    } else {
        *at = watcher->next;
        free(watcher);
    }
}

void mp_channel_init(mp_channel *channel, struct ev_loop *loop, void (*turn)(mp_channel *)) {
    memset(channel, 0, sizeof *channel);
    channel->loop = loop;
    channel->turn = turn;
    ev_timer_init(&channel->overdue, on_overdue, 0., 0.);
    channel->overdue.data = channel;
}

/* Opens the channel with `timeout` milliseconds for the first try. */
static int open_with(mp_channel *channel, int timeout) {
    struct ares_options options = {
        .timeout = timeout,
        .tries = TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    ares_channel ares;
    int status = ares_init_options(&ares, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
        return mp_channel_error(status);
    ares_set_socket_callback(ares, on_socket_created, channel);
    if (channel->servers)
        status = ares_set_servers_ports_csv(ares, channel->servers);
    if (status != ARES_SUCCESS) {
        ares_destroy(ares);
        return mp_channel_error(status);
    }
    channel->ares = ares;
    return 0;
}

static int count_servers(mp_channel *channel) {
    struct ares_addr_port_node *servers = NULL;
    int count = 0;
    if (ares_get_servers_ports(channel->ares, &servers) != ARES_SUCCESS)
        return 1;
    for (const struct ares_addr_port_node *server = servers; server; server = server->next)
        count++;
    ares_free_data(servers);
    return count;
}

static void read_configuration(struct stat *configuration) {
    if (stat(configuration_path, configuration) < 0)
        memset(configuration, 0, sizeof *configuration);
}

int mp_channel_open(mp_channel *channel) {
    int status, count;
    if (channel->ares)
        return 0;
    read_configuration(&channel->configuration);
    status = open_with(channel, FIRST_TIMEOUT);
    if (status == 0 && (count = count_servers(channel)) > 1) {
        int timeout = FIRST_TIMEOUT / count;
        mp_channel_close(channel);
        status = open_with(channel, timeout > SHORTEST_TIMEOUT ? timeout : SHORTEST_TIMEOUT);
    }
    return status;
}

void mp_channel_close(mp_channel *channel) {
    ares_channel ares = channel->ares;
    channel->ares = NULL;
    if (ares)
        ares_destroy(ares);
    mp_channel_rest(channel);
}

bool mp_channel_is_stale(const mp_channel *channel) {
    const struct stat *old = &channel->configuration;
    struct stat now;
    read_configuration(&now);
    return now.st_dev != old->st_dev || now.st_ino != old->st_ino || now.st_size != old->st_size ||
           now.st_mtim.tv_sec != old->st_mtim.tv_sec || now.st_mtim.tv_nsec != old->st_mtim.tv_nsec;
}

/*
 * ares_timeout goes through all queries, so it isn't asked after every packet. The timer looks at most a
 * second ahead; a packet sent meanwhile is hardly overdue by then, and when the timer is over all is looked
 * at again.
 */
void mp_channel_watch(mp_channel *channel, double delay) {
    struct timeval second = {1, 0}, buffer, *next;
    double timeout;
    if (ev_is_active(&channel->overdue))
        return;
    next = ares_timeout(channel->ares, &second, &buffer);
    timeout = (double)next->tv_sec + (double)next->tv_usec / 1e6;
    if (delay < timeout)
        timeout = delay > 0. ? delay : 0.;
    ev_timer_set(&channel->overdue, timeout + 1e-3, 0.); /* c-ares rounds down: not a hair too early */
    ev_timer_start(channel->loop, &channel->overdue);
}

void mp_channel_rest(mp_channel *channel) {
    ev_timer_stop(channel->loop, &channel->overdue);
}
