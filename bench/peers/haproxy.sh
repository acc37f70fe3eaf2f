#!/bin/sh
# SPDX-License-Identifier: MIT
# The same by HAProxy, with one thread.   haproxy.sh FOLDER PORT
set -eu
behind=$(($2 < 30000 ? $2 + 20000 : $2 - 20000))
"$1/epoll" "$behind" &
cat >"$1/haproxy.cfg" <<END
global
    nbthread 1
defaults
    mode tcp
    maxconn 4000
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen echo
    bind 127.0.0.1:$2
    server backend 127.0.0.1:$behind
END
exec haproxy -db -f "$1/haproxy.cfg"
