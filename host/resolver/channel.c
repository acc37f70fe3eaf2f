/*
 * The resolver's c-ares channel. It opens at the first question, because reading its configuration would
 * delay every start of the program. It never gives c-ares a socket that the poll can't watch.
 *
 * SPDX-License-Identifier: MIT
 */
#include "resolver/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "loop/reserve.h"
#include "system/system.h"

/* The most seconds of the poll's first wait with another socket, see mp_loop_watch. */
#define DOUBT 0.01

/* Each try takes twice as long as the one before: 1.3 s, 2.6 s and 5.2 s. Several servers share these times.
   So a silent server takes no more than 10 s. */
enum { FIRST_TIMEOUT = 1300, SHORTEST_TIMEOUT = 250, TRIES = 3 };

struct mp_channel_socket {
    ev_io io;
    mp_channel_socket *next;
};

static const char configuration_path[] = "/etc/resolv.conf";

/* Any other status is a failure of the servers, -EAGAIN. */
static const struct {
    int status;
    int error;
} errors[] = {
    {ARES_ENODATA, ENOENT},     {ARES_ENOTFOUND, ENOENT},     {ARES_EBADNAME, ENOENT},
    {ARES_ETIMEOUT, ETIMEDOUT}, {ARES_ENOMEM, ENOMEM},        {ARES_EFILE, EIO},
    {ARES_EBADSTR, EINVAL},     {ARES_ECANCELLED, ECANCELED}, {ARES_EDESTRUCTION, ECANCELED},
};

int mp_channel_error(const mp_channel *channel, int status) {
    if (status == ARES_SUCCESS)
        return 0;
    if ((status == ARES_ECONNREFUSED || status == ARES_ECANCELLED) && channel->out_of_memory)
        return -ENOMEM;
    if (status == ARES_ECONNREFUSED) { /* c-ares also returns this if it got no socket */
        int shortage = mp_system_shortage();
        if (shortage < 0)
            return shortage;
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].status == status)
            return -errors[i].error;
    return -EAGAIN;
}

static void on_socket(struct ev_loop *loop, ev_io *io, int events) {
    mp_channel *channel = io->data;
    ares_socket_t fd = io->fd;
    (void)loop;
    if (events & EV_ERROR) { /* the poll can't watch it: nobody would see an answer */
        channel->out_of_memory = true;
        ares_cancel(channel->ares);
        channel->turn(channel);
        return;
    }
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

/* From c-ares, before it uses a socket. If the result is negative, c-ares does without the socket. */
static int on_socket_created(ares_socket_t fd, int type, void *data) {
    mp_channel *channel = data;
    mp_channel_socket *watcher = mp_reserve_is_whole() ? malloc(sizeof *watcher) : NULL;
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

/* From c-ares, when it wants other events of a socket. It wants none before it closes the socket. */
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
        /* The poll reports a socket that it can't watch only after a wait, as in mp_loop_watch. */
        ev_timer_stop(channel->loop, &channel->overdue);
        ev_timer_set(&channel->overdue, DOUBT, 0.);
        ev_timer_start(channel->loop, &channel->overdue);
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
    ev_set_priority(&channel->overdue, EV_MINPRI); /* after the answers of the same turn */
    channel->overdue.data = channel;
}

/* Asks c-ares for a channel with `timeout` milliseconds for the first try. `from` is 'b' for servers only,
   'f' for the hosts file only, 0 for the system's configuration. */
static int open_ares(mp_channel *channel, int timeout, char from, ares_channel *out) {
    char lookups[] = {from, '\0'};
    struct ares_options options = {
        .timeout = timeout,
        .tries = TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    int status = ares_init_options(out, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                       (from ? ARES_OPT_LOOKUPS : 0));
    if (status != ARES_SUCCESS) {
        *out = NULL;
        return mp_channel_error(channel, status);
    }
    ares_set_socket_callback(*out, on_socket_created, channel);
    if (channel->servers && (status = ares_set_servers_ports_csv(*out, channel->servers)) != ARES_SUCCESS) {
        ares_destroy(*out);
        *out = NULL;
    }
    return mp_channel_error(channel, status);
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

/*
 * Opens the channel again, with what the first channel has read: two or more servers share the time of one,
 * and the hosts file gets its own channel. Otherwise c-ares would ask servers for a family that a name lacks
 * in the hosts file, and would go through the search list separately for each family.
 */
static int open_again(mp_channel *channel, const char *lookups) {
    int count = count_servers(channel), timeout = count > 1 ? FIRST_TIMEOUT / count : FIRST_TIMEOUT,
        status = 0;
    channel->hosts_last = lookups[0] != 'f';
    if (strchr(lookups, 'f'))
        status = open_ares(channel, timeout, 'f', &channel->hosts);
    ares_destroy(channel->ares);
    channel->ares = NULL;
    if (status < 0)
        return status;
    return open_ares(channel, timeout > SHORTEST_TIMEOUT ? timeout : SHORTEST_TIMEOUT,
                     strchr(lookups, 'b') ? 'b' : 'f', &channel->ares);
}

int mp_channel_open(mp_channel *channel) {
    struct ares_options options;
    int status, mask;
    if (channel->ares)
        return 0;
    /* c-ares does without a file that it can't open: from then on it would ask the wrong servers. */
    status = mp_system_shortage();
    if (status < 0)
        return status;
    (void)mp_system_file_status(configuration_path, &channel->configuration);
    memset(&options, 0, sizeof options);
    status = open_ares(channel, FIRST_TIMEOUT, 0, &channel->ares);
    if (status == 0)
        status = mp_channel_error(channel, ares_save_options(channel->ares, &options, &mask));
    if (status == 0)
        status = open_again(channel, options.lookups);
    if (status == 0) {
        channel->dots = options.ndots;
        channel->domain_count = options.ndomains;
        channel->domains = options.domains;
        options.ndomains = 0;
        options.domains = NULL;
    }
    ares_destroy_options(&options);
    if (status < 0)
        mp_channel_close(channel);
    return status;
}

/* Frees the result of ares_save_options. */
static void forget_search(mp_channel *channel) {
    struct ares_options options;
    memset(&options, 0, sizeof options);
    options.ndomains = channel->domain_count;
    options.domains = channel->domains;
    ares_destroy_options(&options);
    channel->domain_count = 0;
    channel->domains = NULL;
}

void mp_channel_close(mp_channel *channel) {
    ares_channel ares = channel->ares, hosts = channel->hosts;
    channel->ares = channel->hosts = NULL;
    if (ares)
        ares_destroy(ares);
    if (hosts)
        ares_destroy(hosts);
    forget_search(channel);
    mp_channel_rest(channel);
}

typedef struct mp_hosts_answer {
    int status;
    struct ares_addrinfo *info;
} mp_hosts_answer;

static void on_hosts(void *data, int status, int timeouts, struct ares_addrinfo *info) {
    (void)timeouts;
    *(mp_hosts_answer *)data = (mp_hosts_answer){status, info};
}

int mp_channel_read_hosts(mp_channel *channel, const char *name, struct ares_addrinfo **out) {
    static const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_ENVHOSTS,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    mp_hosts_answer answer = {.status = ARES_ENOTFOUND};
    if (channel->hosts)
        ares_getaddrinfo(channel->hosts, name, NULL, &hints, on_hosts,
                         &answer); /* for a file: calls back at once */
    *out = answer.info;
    if (answer.status == ARES_ENOMEM)
        return -ENOMEM;
    return answer.info || !channel->hosts
               ? 0
               : mp_system_shortage(); /* a file that can't be opened looks empty */
}

bool mp_channel_search(const mp_channel *channel, const char *name, size_t step,
                       char full[MP_FULL_NAME_SIZE]) {
    size_t length = strlen(name), count = (size_t)channel->domain_count, as_it_is = 0;
    const char *domain = "";
    int dots = 0;
    for (const char *at = name; *at; at++)
        dots += *at == '.';
    if (length > 0 && name[length - 1] == '.')
        count = 0;
    else if (dots < channel->dots)
        as_it_is = count;
    if (step > count)
        return false;
    if (step != as_it_is)
        domain = channel->domains[as_it_is == 0 ? step - 1 : step];
    if (strcmp(domain, ".") == 0)
        domain = "";
    snprintf(full, MP_FULL_NAME_SIZE - 1, "%s%s%s", name, *domain ? "." : "", domain);
    length = strlen(full);
    if (length > 0 && full[length - 1] != '.')
        memcpy(full + length, ".", 2);
    return true;
}

bool mp_channel_is_stale(const mp_channel *channel) {
    mp_file_status now;
    (void)mp_system_file_status(configuration_path, &now);
    return !mp_system_same_file(&now, &channel->configuration);
}

/*
 * ares_timeout goes through all queries, so it isn't called after every packet. The timer waits at most a
 * second. A packet sent meanwhile is hardly overdue by then, and the expired timer checks everything again.
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
    ev_timer_set(&channel->overdue, timeout + 1e-3, 0.); /* c-ares rounds down: never too early */
    ev_timer_start(channel->loop, &channel->overdue);
}

void mp_channel_rest(mp_channel *channel) {
    ev_timer_stop(channel->loop, &channel->overdue);
}
