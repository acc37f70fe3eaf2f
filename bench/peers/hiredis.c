/*
 * What moonport/redis.lua does, by hiredis, one command after the other:   REDIS=PATH hiredis PORT
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

static redisContext *open_store(void) {
    for (int i = 0; i < 1000; i++, usleep(10000)) {
        redisContext *store = redisConnectUnix(getenv("REDIS"));
        if (store && !store->err)
            return store;
        redisFree(store);
    }
    exit(1);
}

static void get(redisContext *store) {
    redisReply *reply = redisCommand(store, "GET %s", "key");
    if (!reply || reply->type != REDIS_REPLY_STRING || strcmp(reply->str, "value") != 0)
        exit(1);
    freeReplyObject(reply);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    redisContext *store = open_store();
    freeReplyObject(redisCommand(store, "SET key value"));
    int listener = listen_on(argv[1]);
    fcntl(listener, F_SETFL, 0); /* it waits */
    for (;;) {
        char line[64] = "";
        long handlers, count;
        int client = accept_one(listener);
        fcntl(client, F_SETFL, 0);
        if (client >= 0 && read(client, line, sizeof line - 1) > 0 &&
            sscanf(line, "%ld %ld", &handlers, &count) == 2) {
            for (long i = 0; i < count; i++)
                get(store);
            if (write(client, "done\n", 5) != 5)
                return 1;
        }
        close(client);
    }
}
