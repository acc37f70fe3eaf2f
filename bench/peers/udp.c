/*
 * A UDP echo server to compare with: epoll, recvmmsg and sendmmsg, 32 datagrams at a time.   echo PORT
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 32, SIZE = 65536 + 192 };

static char memory[SLOTS][SIZE];
static struct sockaddr_storage peers[SLOTS];
static struct iovec vectors[SLOTS];
static struct mmsghdr messages[SLOTS];

static void echo(int fd) {
    for (int i = 0; i < SLOTS; i++) {
        vectors[i] = (struct iovec){memory[i], SIZE};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, messages, SLOTS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        vectors[i].iov_len = messages[i].msg_len;
    if (count > 0)
        (void)sendmmsg(fd, messages, (unsigned)count, 0);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    address.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "7000"));
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) {
        perror("echo");
        return 1;
    }
    while (epoll_wait(poll, &event, 1, -1) != 0)
        echo(fd);
    return 0;
}
