// SPDX-License-Identifier: MIT
//
// Connections and their bytes: two streams of the same known bytes, those sent and those expected back.

#ifndef LOAD_STREAM_H
#define LOAD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"
#include "tls.h"

typedef struct connection {
    int fd;
    SSL *tls;            // NULL: none
    SSL_SESSION *ticket; // for the next connection at this place
    bool writing;        // EPOLLOUT is armed
    uint32_t base;       // the place in the pattern where its streams begin
    int64_t sent, received, goal;
    int64_t began; // ns, when the current message (or batch) began
} connection;

void streams_init(const plan *p);
void stream_connect(connection *c);    // begins; the connection is writable when it is established
void stream_send(connection *c);       // sends up to the goal; call it again until all is sent
int64_t stream_receive(connection *c); // one receive; returns the number of bytes (all correct), 0 = none
// Begins a message for everyone: the next bytes of each connection are the same, as if it had sent them.
void stream_publish(connection *all, int count, int64_t size, uint32_t serial);
void stream_half_close(connection *c); // tells the peer that nothing more follows
bool stream_closed_by_server(connection *c);
void stream_close(connection *c);
void stream_begin_hello(connection *c); // connects, sends half a ClientHello; is never in ready[]
bool stream_give_up(connection *c);     // closes it; true if the server ended it before

// Waits until something is ready, for at most `ns`, and returns the number of connections in ready[]. It
// spins, so that a server never pays for waking the load, unless the plan says otherwise.
enum { READY_MAX = 256 };
#define PATIENCE INT64_C(10000000000) // ns
extern connection *ready[READY_MAX];
int streams_poll(int64_t ns);
int streams_wait(void); // fails if nothing happens for ten seconds

#endif
