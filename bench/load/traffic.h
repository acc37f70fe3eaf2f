// SPDX-License-Identifier: MIT
//
// What is done with connections. Each function returns when the last byte it waits for is there.

#ifndef LOAD_TRAFFIC_H
#define LOAD_TRAFFIC_H

#include <stdint.h>

#include "histogram.h"
#include "plan.h"
#include "stream.h"

extern long exchanged; // messages that came back so far, whatever for

void open_all(connection *all, int count, int64_t size); // opens them; each has echoed one message then
void close_all(connection *all, int count);              // closes them in order, sees the server close too
void echo(connection *all, int count, const plan *p, long requests, histogram *h);
void echo_at_rate(connection *all, int count, const plan *p, long requests, histogram *h);
void connect_echo_close(connection *all, int count, const plan *p, long requests, histogram *h);
void fan_out(connection *all, int count, const plan *p, long requests, histogram *h);

#endif
