// SPDX-License-Identifier: MIT
//
// The uses of connections: opening, echoing in a closed loop or at a rate, closing, publishing. Each function
// returns when the last expected byte has arrived, so the server has nothing left to do.

#include "report.h"
#include "traffic.h"

long exchanged;

enum { OPENING_AT_ONCE = 32 }; // fewer than the smallest backlog among the servers

static void begin(connection *c, int64_t bytes) {
    c->goal += bytes;
    c->began = now();
    stream_send(c);
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

void open_all(connection *all, int count, int64_t size) {
    int begun = 0, open = 0;
    while (begun < smaller(count, OPENING_AT_ONCE))
        stream_connect(&all[begun++]);
    while (open < count) {
        for (int i = 0, n = streams_wait(); i < n; i++) {
            connection *c = ready[i];
            if (c->goal == 0)
                begin(c, size);
            else if (c->sent < c->goal)
                stream_send(c);
            if (stream_receive(c) == 0 || c->received < c->goal)
                continue;
            exchanged++;
            open++;
            if (begun < count)
                stream_connect(&all[begun++]);
        }
    }
}

void close_all(connection *all, int count) {
    int begun = 0, closed = 0;
    while (begun < smaller(count, OPENING_AT_ONCE))
        stream_half_close(&all[begun++]);
    while (closed < count) {
        for (int i = 0, n = streams_wait(); i < n; i++) {
            if (!stream_closed_by_server(ready[i]))
                continue;
            stream_close(ready[i]);
            closed++;
            if (begun < count)
                stream_half_close(&all[begun++]);
        }
    }
}

void echo(connection *all, int count, const plan *p, long requests, histogram *h) {
    int64_t batch = p->size * p->depth;
    long begun = 0, ended = 0;
    for (int i = 0; i < count && begun < requests; i++, begun += p->depth)
        begin(&all[i], batch);
    while (ended < begun) {
        for (int i = 0, n = streams_wait(); i < n; i++) {
            connection *c = ready[i];
            if (c->sent < c->goal)
                stream_send(c);
            if (stream_receive(c) == 0 || c->received < c->goal)
                continue;
            histogram_add(h, now() - c->began);
            ended += p->depth;
            if (begun < requests) {
                begin(c, batch);
                begun += p->depth;
            }
        }
    }
    exchanged += ended;
}

// Message k of connection c is due at start + (k * count + c) / rate, whatever happened to the previous ones.
// Its latency counts from then: a server that pauses is charged for everything that it delays.
void echo_at_rate(connection *all, int count, const plan *p, long requests, histogram *h) {
    double gap = 1e9 / p->rate;
    int64_t start = now() + 1000000, progress = start;
    long begun = 0, ended = 0;

    for (int i = 0; i < count; i++)
        all[i].began = all[i].received; // here: the position where its first message begins
    while (ended < requests) {
        int64_t t = now(), due;
        while (due = start + (int64_t)((double)begun * gap), begun < requests && due <= t) {
            connection *c = &all[begun++ % count];
            c->goal += p->size;
            stream_send(c);
        }
        int n = streams_poll(begun < requests ? due - t : PATIENCE);
        if (n > 0)
            progress = t;
        else if (t - progress > PATIENCE)
            fail("nothing came for ten seconds");
        for (int i = 0; i < n; i++) {
            connection *c = ready[i];
            if (c->sent < c->goal)
                stream_send(c);
            int64_t before = (c->received - c->began) / p->size;
            if (stream_receive(c) == 0)
                continue;
            int64_t after = (c->received - c->began) / p->size;
            t = now();
            for (int64_t k = before; k < after; k++, ended++)
                histogram_add(h, t - start - (int64_t)((double)(k * count + (c - all)) * gap));
        }
    }
    exchanged += ended;
}

void connect_echo_close(connection *all, int count, const plan *p, long requests, histogram *h) {
    long begun = 0, ended = 0;
    for (; begun < smaller(count, (int)requests); begun++) {
        stream_connect(&all[begun]);
        all[begun].began = now();
    }
    while (ended < begun) {
        for (int i = 0, n = streams_wait(); i < n; i++) {
            connection *c = ready[i];
            if (c->goal == 0) {
                c->goal = p->size;
                stream_send(c);
            } else if (c->received < c->goal) {
                if (c->sent < c->goal)
                    stream_send(c);
                if (stream_receive(c) > 0 && c->received == c->goal)
                    stream_half_close(c);
            } else if (stream_closed_by_server(c)) {
                stream_close(c);
                histogram_add(h, now() - c->began);
                ended++;
                if (begun < requests) {
                    begun++;
                    int64_t t = now();
                    stream_connect(c);
                    c->began = t;
                }
            }
        }
    }
    exchanged += ended;
}

// Serves one more client. The queue of a listener is in order, so all earlier clients are accepted then.
static void serve_another(connection *other, const plan *p) {
    static histogram *unread;
    if (!unread)
        unread = histogram_new();
    connect_echo_close(other, 1, p, 1, unread);
}

void open_mute(connection *all, int count, connection *other, const plan *p) {
    for (int i = 0; i < count; i++) {
        stream_begin_hello(&all[i]);
        if (i % OPENING_AT_ONCE == OPENING_AT_ONCE - 1)
            serve_another(other, p);
    }
    serve_another(other, p);
}

int close_mute(connection *all, int count, connection *other, const plan *p) {
    int ended = 0;
    for (int i = 0; i < count; i++)
        ended += stream_give_up(&all[i]);
    serve_another(other, p);
    return ended;
}

void fan_out(connection *all, int count, const plan *p, long requests, histogram *h) {
    static uint32_t serial;
    for (long i = 0; i < requests; i++) {
        stream_publish(all, count, p->size, serial++);
        int64_t began = now();
        all[0].sent = 0;
        stream_send(&all[0]);
        for (int ended = 0; ended < count;)
            for (int k = 0, n = streams_wait(); k < n; k++)
                if (stream_receive(ready[k]) > 0 && ready[k]->received == p->size)
                    ended++;
        histogram_add(h, now() - began);
        exchanged++;
    }
}
