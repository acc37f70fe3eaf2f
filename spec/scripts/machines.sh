#!/bin/sh
# SPDX-License-Identifier: MIT
# Two machines with scripts/rooms.lua, each with a master, two workers and a cable to this one, which has the Redis and
# the people. They are network namespaces, so it must run in namespaces of its own: see spec/scripts/machines.lua.
#
# usage: machines.sh COMMAND…   runs "COMMAND… PID PID", with the masters'. The machines are 10.77.2.2 and 10.77.3.2,
# where the people are called at port 7000, and the page is at 7001.
set -e
ip link set lo up
mount -t tmpfs none /run
for machine in 2 3; do
  ip netns add m$machine
  ip link add cable$machine type veth peer name cable netns m$machine
  ip addr add 10.77.$machine.1/24 dev cable$machine
  ip link set cable$machine up
  ip -n m$machine addr add 10.77.$machine.2/24 dev cable
  ip -n m$machine link set cable up
  ip -n m$machine link set lo up
done
redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save "" --appendonly no --dir /run >/run/redis.log &
pids=
for machine in 2 3; do
  ip netns exec m$machine "$MOONPORT" --workers 2 --store redis://10.77.$machine.1 \
    scripts/rooms.lua 7000 10.77.$machine.2 &
  pids="$pids $!"
done
# shellcheck disable=SC2086
"$@" $pids
# shellcheck disable=SC2086
kill $pids
# shellcheck disable=SC2086
wait $pids
