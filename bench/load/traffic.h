// SPDX-License-Identifier: MIT
//
// The uses of connections. Each function returns when the last expected byte has arrived.

#ifndef LOAD_TRAFFIC_H
#define LOAD_TRAFFIC_H

#include <stdint.h>

#include "histogram.h"
#include "plan.h"
#include "stream.h"

extern long exchanged; // messages that came back so far, for any purpose

void open_all(connection *all, int count, int64_t size); // opens them; each echoes one message
void close_all(connection *all, int count);              // closes them in order, sees the server close too
void echo(connection *all, int count, const plan *p, long requests, histogram *h);
void echo_at_rate(connection *all, int count, const plan *p, long requests, histogram *h);
void connect_echo_close(connection *all, int count, const plan *p, long requests, histogram *h);
// Clients that only begin a handshake. The server serves `other` after every few and at the end, so it
// accepts all of them.
void open_mute(connection *all, int count, connection *other, const plan *p);
int close_mute(connection *all, int count, connection *other,
               const plan *p); // returns how many the server ended
void fan_out(connection *all, int count, const plan *p, long requests, histogram *h);

#endif
