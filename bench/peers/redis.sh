#!/bin/sh
# SPDX-License-Identifier: MIT
# A client of Redis, with a redis-server of its own at the Unix-domain socket $REDIS.   redis.sh FOLDER CLIENT... PORT
set -eu
for last in "$@"; do port=$last; done
export REDIS="$1/redis-$port.sock"
shift
redis-server --port 0 --unixsocket "$REDIS" --save "" --appendonly no --dir / --daemonize no >/dev/null &
exec "$@"
