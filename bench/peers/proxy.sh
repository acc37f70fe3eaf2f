#!/bin/sh
# SPDX-License-Identifier: MIT
# A proxy of TCP in front of the echo server on bare epoll.   proxy.sh FOLDER MOONPORT SCRIPT PORT
set -eu
behind=$(($4 < 30000 ? $4 + 20000 : $4 - 20000))
"$1/epoll" "$behind" &
exec "$2" "$3" "$4" "127.0.0.1:$behind"
