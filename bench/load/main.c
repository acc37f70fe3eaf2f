// SPDX-License-Identifier: MIT
//
// load MODE [options]: measures one row of the table with one server and prints "key value" lines. The load
// is one thread with one epoll, the same work for every server. It checks each byte that comes back, and
// waits for each close. If a server does less, the load gives the reason in one line and exits with status 1.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "histogram.h"
#include "plan.h"
#include "process.h"
#include "report.h"
#include "stream.h"
#include "traffic.h"

static connection *new_connections(int count) {
    connection *all = calloc((size_t)count + 1, sizeof *all);
    if (!all)
        fail("out of memory");
    return all;
}

// One stretch of work: the server's CPU time for it, and the wall time.
typedef struct stretch {
    int64_t cpu, wall;
} stretch;

static stretch stretch_begin(const plan *p) {
    return (stretch){cpu_time(p->pid), now()};
}

static double stretch_cpu(const plan *p, stretch s, long units) {
    return (double)(cpu_time(p->pid) - s.cpu) / (double)units;
}

// True if there is one more turn: one in all, or one for each line from the leader. First the leader gets
// "ready"; an empty line ends the report of a turn.
static bool next_turn(const plan *p) {
    static int turns;
    char line[8];
    if (!p->led)
        return turns++ == 0;
    puts(turns++ == 0 ? "ready" : "");
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL;
}

// The clients that only begin a handshake, new ones in each turn. Their memory is measured in the first turn.
typedef struct muted {
    connection *all, *other; // other: is served between them
    bool weighed;
} muted;

static void mute_begin(muted *m, const plan *p) {
    if (p->mute == 0)
        return;
    if (!m->all) {
        m->all = new_connections(p->mute);
        m->other = new_connections(1);
    }
    phase("begin handshakes");
    int64_t before = m->weighed ? 0 : resident_memory(p->pid);
    open_mute(m->all, p->mute, m->other, p);
    if (!m->weighed)
        report("mute_bytes", (double)(resident_memory(p->pid) - before) / p->mute);
    m->weighed = true;
}

static void mute_end(const muted *m, const plan *p) {
    if (p->mute == 0)
        return;
    phase("give up handshakes");
    report("mute_ended", close_mute(m->all, p->mute, m->other, p));
}

static void report_handshakes(const plan *p, long handshakes, long resumed) {
    if (p->resumes && tls_handshakes > handshakes)
        report("resumed_percent",
               100 * (double)(tls_resumed - resumed) / (double)(tls_handshakes - handshakes));
}

typedef void traffic(connection *all, int count, const plan *p, long requests, histogram *h);

// Turns of the same traffic over the same connections. `units`: how many of the row's units are in a request.
static void take_turns(connection *all, const plan *p, traffic *what, long units) {
    muted mute = {0};
    phase("warm-up");
    what(all, p->connections, p, p->requests / 4 + 1, histogram_new());
    while (next_turn(p)) {
        histogram *h = histogram_new();
        mute_begin(&mute, p);
        long handshakes = tls_handshakes, resumed = tls_resumed;
        phase("turn");
        stretch s = stretch_begin(p);
        if (p->hang_up && kill(p->pid, SIGHUP) < 0)
            fail("SIGHUP to %d: %s", (int)p->pid, strerror(errno));
        what(all, p->connections, p, p->requests, h);
        report("cpu_ns", stretch_cpu(p, s, p->requests * units));
        report("per_second", (double)(p->requests * units) * 1e9 / (double)(now() - s.wall));
        report_handshakes(p, handshakes, resumed);
        histogram_report(h);
        free(h);
        mute_end(&mute, p);
    }
}

static void run_echo(const plan *p) {
    connection *busy = new_connections(p->connections);
    connection *idle = new_connections(p->idle);

    phase("open");
    open_all(busy, p->connections, p->size);
    open_all(idle, p->idle, p->size);
    take_turns(busy, p, p->rate > 0 ? echo_at_rate : echo, 1);
    phase("close");
    close_all(idle, p->idle);
    close_all(busy, p->connections);
}

static void run_connect(const plan *p) {
    take_turns(new_connections(p->connections), p, connect_echo_close, 1);
}

static void run_fan_out(const plan *p) {
    connection *all = new_connections(p->connections);
    phase("open");
    open_all(all, p->connections, p->size);
    take_turns(all, p, fan_out, p->connections);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { FEW = 100, BLOCK = 500, BLOCKS = 5 };

// CPU time of opening a connection: the median of five blocks.
static double open_blocks(const plan *p, connection *all) {
    double cost[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        stretch s = stretch_begin(p);
        open_all(all + i * BLOCK, BLOCK, p->size);
        cost[i] = stretch_cpu(p, s, BLOCK);
    }
    qsort(cost, BLOCKS, sizeof *cost, ascending);
    return cost[BLOCKS / 2];
}

// The cost of idle connections: their memory and what of it is returned, and the opening of the first and the
// last ones. Between these, busy connections keep the server at work, so that it collects and returns memory
// as it does in passing.
static void run_idle(const plan *p) {
    connection *busy = new_connections(p->connections);
    connection *idle = new_connections(p->idle);
    histogram *h = histogram_new();
    int some = BLOCK * BLOCKS;

    if (p->idle < 2 * some)
        fail("needs at least %d idle connections", 2 * some);
    phase("warm-up");
    open_all(busy, p->connections, p->size);
    open_all(idle, FEW, p->size);
    close_all(idle, FEW);
    echo(busy, p->connections, p, p->requests, h);
    int64_t empty = resident_memory(p->pid);

    phase("open idle ones");
    double first = open_blocks(p, idle);
    open_all(idle + some, p->idle - 2 * some, p->size);
    double last = open_blocks(p, idle + p->idle - some);
    int64_t full = resident_memory(p->pid);

    phase("close idle ones");
    close_all(idle, p->idle);
    echo(busy, p->connections, p, p->requests, h);
    int64_t again = resident_memory(p->pid);
    close_all(busy, p->connections);

    report("idle_bytes", (double)(full - empty) / p->idle);
    report("kept_bytes", (double)(again - empty) / p->idle);
    report("open_first_ns", first);
    report("open_last_ns", last);
    report("open_ratio", first > 0 ? last / first : 0);
}

// Starts the command and tries to connect until it listens.
static void run_start(const plan *p, char **command) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    phase("start");
    int64_t began = now();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)p->cpu, &cpus);
        if (p->cpu >= 0)
            sched_setaffinity(0, sizeof cpus, &cpus);
        execvp(command[0], command);
        _exit(127);
    }
    if (child < 0)
        fail("fork: %s", strerror(errno));
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool there = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
        int64_t took = now() - began;
        close(fd);
        bool dead = waitpid(child, NULL, WNOHANG) == child;
        if (there && !dead) {
            report("start_ms", (double)took / 1e6);
            break;
        }
        if (dead)
            fail("%s ended", command[0]);
        if (took > 10000000000) {
            kill(child, SIGKILL);
            fail("%s doesn't listen after ten seconds", command[0]);
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static _Noreturn void usage(void) {
    fputs(
        "usage: load echo|connect|idle|fanout -p PORT [-P PID] [-c connections] [-i idle connections]\n"
        "            [-s size] [-d depth] [-n requests] [-r requests a second] [-t | -T] [-m mute clients]\n"
        "            [-L] [-w] [-l] [-H]\n"
        "       -t speak TLS, -T resume sessions too, -m clients that only begin a handshake,\n"
        "       -L connect to the abstract Unix-domain socket moonport-bench-PORT,\n"
        "       -w wait in the kernel (the server shares the CPU), -l take a turn for each line of input,\n"
        "       -H begin each turn with a SIGHUP to the server\n"
        "       load start -p PORT [-u CPU of the command] -- command...\n",
        stderr);
    exit(2);
}

static plan parse(int argc, char **argv) {
    plan p = {.connections = 50, .size = 64, .cpu = -1, .depth = 1, .requests = 100000};
    int option;
    while ((option = getopt(argc, argv, "p:P:c:i:m:s:d:n:r:u:tTLwlH")) != -1) {
        switch (option) {
        case 'p': p.port = (uint16_t)atoi(optarg); break;
        case 'P': p.pid = atoi(optarg); break;
        case 'c': p.connections = atoi(optarg); break;
        case 'i': p.idle = atoi(optarg); break;
        case 'm': p.mute = atoi(optarg); break;
        case 's': p.size = atoll(optarg); break;
        case 'd': p.depth = atoi(optarg); break;
        case 'n': p.requests = atol(optarg); break;
        case 'r': p.rate = atof(optarg); break;
        case 'u': p.cpu = atoi(optarg); break;
        case 'T': p.resumes = true; // fall through
        case 't': p.tls = true; break;
        case 'L': p.local = true; break;
        case 'w': p.sleeps = true; break;
        case 'l': p.led = true; break;
        case 'H': p.hang_up = true; break;
        default: usage();
        }
    }
    if (!p.port || p.connections < 1 || p.idle < 0 || p.size < 1 || p.depth < 1 || p.requests < 1 ||
        p.mute < 0 || (p.mute > 0 && !p.tls) || (p.hang_up && p.pid == 0))
        usage();
    return p;
}

int main(int argc, char **argv) {
    if (argc < 2)
        usage();
    const char *mode = argv[1];
    plan p = parse(argc - 1, argv + 1);

    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    streams_init(&p);
    if (strcmp(mode, "echo") == 0)
        run_echo(&p);
    else if (strcmp(mode, "connect") == 0)
        run_connect(&p);
    else if (strcmp(mode, "idle") == 0)
        run_idle(&p);
    else if (strcmp(mode, "fanout") == 0 && !p.tls)
        run_fan_out(&p);
    else if (strcmp(mode, "start") == 0 && optind + 1 < argc)
        run_start(&p, argv + 1 + optind);
    else
        usage();
    report("exchanged", (double)exchanged);
    return 0;
}
