// SPDX-License-Identifier: MIT
//
// Connections and what is on them: two streams of the same known bytes, what goes out and what has to come
// back.

#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

typedef struct connection {
    int fd;
    bool writing;  // EPOLLOUT is armed
    uint32_t base; // where in the pattern its streams begin
    int64_t sent, received, goal;
    int64_t began; // ns, when the message (or batch of them) that is under way was begun
} connection;

void streams_init(const plan *p);
void stream_connect(connection *c);    // begins; the connection is writable when it is there
void stream_send(connection *c);       // sends up to the goal, arms EPOLLOUT if that is short
int64_t stream_receive(connection *c); // one recv; returns how many bytes came (all of them right), 0 = none
// Begins a message for everyone: each connection's next bytes are the same ones, as if it had sent them.
void stream_publish(connection *all, int count, int64_t size, uint32_t serial);
void stream_half_close(connection *c); // says that no more will be sent
bool stream_closed_by_server(connection *c);
void stream_close(connection *c);

// Waits until something is ready, for at most `ns`, and returns the number of connections in ready[]. It
// spins unless the plan says otherwise: a server never pays for waking the load.
enum { READY_MAX = 256 };
#define PATIENCE INT64_C(10000000000) // ns
extern connection *ready[READY_MAX];
int streams_poll(int64_t ns);
int streams_wait(void); // fails when nothing has happened for ten seconds

#endif
