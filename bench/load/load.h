// SPDX-License-Identifier: MIT
//
// The load generator: one thread, one epoll, the same work for every server. It checks each byte that comes
// back, waits for each close, and ends with exit status 1 and one line of reason when a server does less.

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What the command line asks for.
typedef struct plan {
    uint16_t port;
    pid_t pid; // of the server, 0 = nothing is read from its process record
    int connections;
    int idle;      // connections held open beside them
    int64_t size;  // bytes of one message
    int depth;     // messages sent before the first answer is waited for
    long requests; // messages of a turn; a quarter of them goes before the first as warm-up
    double rate;   // messages a second over all connections, 0 = as fast as they come back
    int cpu;       // that the started command gets, -1 = any
    bool sleeps;   // waits in the kernel, not spinning
    bool led;      // takes a turn for each line on standard input
    bool hang_up;  // each turn begins with a SIGHUP to the server
} plan;

// A connection is two streams of the same known bytes: what goes out and what has to come back. `base` is
// where in the pattern its streams begin.
typedef struct connection {
    int fd;
    bool writing; // EPOLLOUT is armed
    uint32_t base;
    int64_t sent, received, goal;
    int64_t began; // ns, when the message (or batch of them) that is under way was begun
} connection;

// Reports "load: PHASE: reason" and exits with status 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Names what is being done, for error messages.
void phase(const char *name);

// One line of the result: "key value".
void report(const char *key, double value);

int64_t now(void);

// process.c: the server's process record

int64_t cpu_time(pid_t pid);        // ns, user and system, all threads, exact to the moment
int64_t resident_memory(pid_t pid); // bytes, once it has stopped changing (or a second has passed)

// histogram.c: latencies in ns, in buckets of 1.6 %

typedef struct histogram histogram;

histogram *histogram_new(void);
void histogram_add(histogram *h, int64_t ns);
int64_t histogram_percentile(const histogram *h, double percent);
void histogram_report(const histogram *h); // p50_us, p99_us, p999_us, max_us

// stream.c: connections and what is on them

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

// traffic.c: what is done with connections

extern long exchanged; // messages that came back so far, whatever for

void open_all(connection *all, int count, int64_t size); // opens them; each has echoed one message then
void close_all(connection *all, int count);              // closes them in order, sees the server close too
void echo(connection *all, int count, const plan *p, long requests, histogram *h);
void echo_at_rate(connection *all, int count, const plan *p, long requests, histogram *h);
void connect_echo_close(connection *all, int count, const plan *p, long requests, histogram *h);
void fan_out(connection *all, int count, const plan *p, long requests, histogram *h);

#endif
