/*
 * Sends datagrams to a UDP echo server and counts what comes back.   load PORT CLIENTS WINDOW SIZE SECONDS
 * Each client keeps so many datagrams under way; those that are lost are sent again when nothing has arrived
 * for 50 ms. Prints echoes, and datagrams that were sent again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MOST = 64, LARGEST = 65536 };

static char bytes[LARGEST];
static struct iovec out[MOST], in[MOST];
static struct mmsghdr outgoing[MOST], incoming[MOST];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int connected(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("load");
        exit(1);
    }
    return fd;
}

static void send_some(int fd, int count) {
    if (count > 0)
        (void)sendmmsg(fd, outgoing, (unsigned)count, 0);
}

int main(int argc, char **argv) {
    int numbers[5] = {7000, 16, 32, 64, 3};
    struct pollfd clients[MOST];
    for (int i = 1; i < argc && i <= 5; i++)
        numbers[i - 1] = atoi(argv[i]);
    int count = numbers[1], window = numbers[2];
    long echoes = 0, again = 0;
    if (count > MOST || window > MOST || numbers[3] > LARGEST)
        return 1;
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < MOST; i++) {
        static char received[MOST][LARGEST];
        out[i] = (struct iovec){bytes, (size_t)numbers[3]};
        in[i] = (struct iovec){received[i], LARGEST};
        outgoing[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
        incoming[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
    }
    for (int i = 0; i < count; i++) {
        clients[i] = (struct pollfd){.fd = connected(numbers[0]), .events = POLLIN};
        send_some(clients[i].fd, window);
    }
    for (double end = now() + numbers[4]; now() < end;) {
        if (poll(clients, (nfds_t)count, 50) == 0) {
            for (int i = 0; i < count; i++)
                send_some(clients[i].fd, window);
            again += (long)count * window;
        }
        for (int i = 0; i < count; i++) {
            int got = recvmmsg(clients[i].fd, incoming, MOST, MSG_DONTWAIT, NULL);
            if (got <= 0)
                continue;
            echoes += got;
            send_some(clients[i].fd, got);
        }
    }
    printf("%ld %ld\n", echoes, again);
    return 0;
}
