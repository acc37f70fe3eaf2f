/*
 * Overload; see overload.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/overload.h"

#include "net/stream.h"
#include "net/stream_input.h"
#include "net/tcp_server.h"
#include "system/system.h"

#define AGAIN_SECONDS 0.1 /* between two looks while there is too much */
#define PATIENCE 1000.0   /* milliseconds for which connections may be refused before others end */
#define TELL_SECONDS 10   /* between two log lines of one kind */
#define MOST_ENDS 64      /* connections that end at once */

static size_t eighths(const mp_overload *overload, unsigned count) {
    return overload->bound / 8 * count;
}

/* --- all streams ---------------------------------------------------------------------------------------- */

typedef void (*visit)(mp_stream *stream, void *context);

static void visit_ring(const mp_ring *ring, visit call, void *context) {
    for (const mp_ring *link = ring->next; link != ring; link = link->next)
        call(mp_stream_of_link((mp_ring *)(uintptr_t)link), context);
}

/* `call` changes no ring. */
static void visit_all(const mp_network *network, visit call, void *context) {
    for (const mp_ring *link = network->servers.next; link != &network->servers; link = link->next) {
        const mp_listener *listener = MP_CONTAINER(link, const mp_tcp_server, link)->listener;
        visit_ring(&listener->pending, call, context);
        visit_ring(&listener->open, call, context);
        visit_ring(&listener->entering, call, context);
    }
    visit_ring(&network->outgoing, call, context);
}

/* Its share may have changed. */
static void reconsider(mp_stream *stream, void *context) {
    (void)context;
    mp_stream_reconsider(stream);
}

/* --- those that hold the most --------------------------------------------------------------------------- */

typedef struct largest {
    size_t share;
    int count;
    struct {
        mp_stream *stream;
        size_t held;
    } list[MOST_ENDS]; /* the largest first */
} largest;

static void consider(mp_stream *stream, void *context) {
    largest *these = context;
    size_t held = mp_stream_held(stream);
    bool ends = stream->state == MP_STATE_CONNECTED || stream->state == MP_STATE_CLOSING;
    if (!ends || stream->phase == PHASE_BROKEN || mp_stream_class_of(stream)->ended || held <= these->share ||
        (these->count == MOST_ENDS && held <= these->list[MOST_ENDS - 1].held))
        return;
    int place = these->count < MOST_ENDS ? these->count++ : MOST_ENDS - 1;
    for (; place > 0 && these->list[place - 1].held < held; place--)
        these->list[place] = these->list[place - 1];
    these->list[place].stream = stream;
    these->list[place].held = held;
}

/* Ends the largest ones until `excess` bytes are free. Nobody who holds no more than the share has to end. */
static void end_largest(mp_network *network, size_t excess) {
    mp_overload *overload = &network->overload;
    largest these = {.share = overload->share};
    visit_all(network, consider, &these);
    for (int i = 0; i < these.count && excess > 0; i++) {
        mp_stream *stream = these.list[i].stream;
        mp_stream_fail(stream, MP_FAULT_OVERLOAD);
        mp_stream_drop_input(stream);
        excess -= these.list[i].held < excess ? these.list[i].held : excess;
        overload->ended++;
    }
}

/* --- what is told --------------------------------------------------------------------------------------- */

static void tell_later(mp_network *network) {
    mp_overload *overload = &network->overload;
    if (ev_is_active(&overload->tell))
        return;
    ev_timer_set(&overload->tell, 0., 0.);
    ev_timer_start(network->loop.ev, &overload->tell);
}

/* The number since the last call. */
static unsigned long long fresh(uint64_t count, uint64_t *told) {
    uint64_t before = *told;
    *told = count;
    return (unsigned long long)(count - before);
}

static void tell(mp_network *network) {
    mp_overload *overload = &network->overload;
    enum mp_log_level level = network->loop.log_level;
    char peer[MP_ADDRESS_TEXT];
    unsigned long long n = fresh(overload->refused[MP_REFUSED_BUFFERS], &overload->told[MP_REFUSED_BUFFERS]);
    if (n > 0)
        mp_log(level, MP_LOG_WARNING, "overload: %llu connections refused; buffers hold %zu of %zu bytes", n,
               mp_network_buffers(network), overload->bound);
    n = fresh(overload->ended, &overload->told[MP_REFUSALS]);
    if (n > 0)
        mp_log(level, MP_LOG_WARNING,
               "overload: %llu connections ended that held the most; buffers hold %zu of %zu bytes", n,
               mp_network_buffers(network), overload->bound);
    for (int why = MP_REFUSED_CONNECTIONS; why < MP_REFUSALS; why++) {
        n = fresh(overload->refused[why], &overload->told[why]);
        mp_address_format(&overload->last[why].peer, peer);
        if (n > 0)
            mp_log(level, MP_LOG_WARNING,
                   "%llu connections refused of addresses with too many %s; the last: %s to port %u", n,
                   why == MP_REFUSED_CONNECTIONS ? "connections" : "handshakes", peer,
                   overload->last[why].port);
    }
}

static bool has_news(const mp_overload *overload) {
    bool news = overload->ended != overload->told[MP_REFUSALS];
    for (int why = 0; why < MP_REFUSALS; why++)
        news |= overload->refused[why] != overload->told[why];
    return news;
}

static void on_tell(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_network *network = timer->data;
    (void)revents;
    if (!has_news(&network->overload))
        return;
    tell(network);
    ev_timer_set(timer, TELL_SECONDS, 0.);
    ev_timer_start(ev, timer);
}

void mp_overload_refuse(mp_network *network, int fd, enum mp_refusal why, const mp_address *peer,
                        uint16_t port) {
    mp_overload *overload = &network->overload;
    (void)mp_system_set_reset_on_close(fd, true);
    mp_system_close(fd);
    overload->refused[why]++;
    overload->last[why].peer = *peer;
    overload->last[why].port = port;
    tell_later(network);
}

/* --- looking -------------------------------------------------------------------------------------------- */

/* Sets what applies while so much is held. */
static void set_stage(mp_network *network, size_t held) {
    mp_overload *overload = &network->overload;
    size_t before = overload->share;
    bool deaf = overload->deaf != RECEIVE_NOTHING;
    overload->deaf = RECEIVE_NOTHING;
    size_t connections = network->traffic.connections > 0 ? (size_t)network->traffic.connections : 1;
    if (held > eighths(overload, 6))
        overload->share = eighths(overload, 6) / connections;
    else if (held <= eighths(overload, 5))
        overload->share = SIZE_MAX;
    if (overload->share != before || deaf)
        visit_all(network, reconsider, NULL);
    bool refuses = held > eighths(overload, 7);
    if (refuses && !overload->refuses)
        overload->since = mp_loop_now();
    overload->refuses = refuses;
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int revents) {
    mp_network *network = timer->data;
    mp_overload *overload = &network->overload;
    size_t held = mp_network_buffers(network);
    (void)revents;
    overload->due = false;
    set_stage(network, held);
    bool late = overload->refuses && mp_loop_now() - overload->since >= PATIENCE;
    if (held > overload->bound || late) {
        end_largest(network, held - eighths(overload, 6));
        tell_later(network);
        set_stage(network, mp_network_buffers(network));
    }
    /* While there is too much, a look is due in a moment, and at once beyond the bound. */
    bool shares = overload->share != SIZE_MAX;
    overload->look_at = shares ? overload->bound : eighths(overload, 6);
    if (shares) {
        ev_timer_set(timer, AGAIN_SECONDS, 0.);
        ev_timer_start(ev, timer);
    }
    mp_loop_settle(&network->loop);
}

void mp_overload_set_bound(mp_network *network, size_t bytes) {
    mp_overload *overload = &network->overload;
    overload->bound = bytes;
    overload->look_at = eighths(overload, 6);
}

/* --- life ----------------------------------------------------------------------------------------------- */

void mp_overload_init(mp_network *network) {
    mp_overload *overload = &network->overload;
    overload->share = SIZE_MAX;
    overload->deaf = RECEIVE_NOTHING;
    ev_timer_init(&overload->tick, on_tick, 0., 0.);
    ev_timer_init(&overload->tell, on_tell, 0., 0.);
    overload->tick.data = overload->tell.data = network;
}

void mp_overload_end(mp_network *network) {
    assert(network->overload.input == 0);
    ev_timer_stop(network->loop.ev, &network->overload.tick);
    ev_timer_stop(network->loop.ev, &network->overload.tell);
    tell(network);
}
